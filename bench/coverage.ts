/**
 * @file How often the 95 % intervals cover the truth, by simulation: `node dist/bench/coverage.js`.
 *
 * Cells are drawn as real ones come about: each has a weak, a student's and a ceiling's ability that vary together,
 * and each accuracy is measured on a test set of 32 items. Columns: cells, mean ceiling − weak, coverage of Fieller's
 * set, the share of sets that are bounded, and the coverage of what others print, a t interval over the cells' PGRs.
 */
import { Random } from '../base/random.js';
import { proportion } from '../metrics/accuracy.js';
import { meanInterval } from '../metrics/interval.js';
import { gapRecovered, type CellAccuracies } from '../metrics/pgr.js';
import type { GapRecovered, Interval } from '../report/results.js';

const simulations = 4000;
const items = 32;
const recovered = 0.5;

function within({ low, high }: Interval, value: number): boolean {
  return (low ?? -Infinity) <= value && value <= (high ?? Infinity);
}

function covers(gap: GapRecovered, value: number): boolean {
  return gap.kind === 'exclusive' ? !within(gap, value) : within(gap, value);
}

/** A number of right answers, as a share, of a model that is right with this probability. */
function measured(ability: number, random: Random): number {
  const probability = Math.min(1, Math.max(0, ability));
  let correct = 0;
  for (let item = 0; item < items; item++) if (random.uniform() < probability) correct++;
  return correct / items;
}

function drawCell(gap: number, random: Random): CellAccuracies {
  const weak = 0.7 + 0.05 * random.normal();
  return {
    weak: measured(weak, random),
    student: measured(weak + recovered * gap + 0.02 * random.normal(), random),
    ceiling: measured(weak + gap, random),
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`.padStart(9);
}

console.log(`coverage of nominal 95 % intervals, ${simulations} simulations, ${items} test items\n`);
console.log('cells   gap   Fieller  bounded  t over PGRs');
for (const cells of [3, 5, 8, 16]) {
  for (const gap of [0.02, 0.1, 0.2]) {
    const random = Random.of(0, 'coverage', cells, String(gap));
    let covered = 0;
    let bounded = 0;
    let naive = 0;
    for (let simulation = 0; simulation < simulations; simulation++) {
      const drawn = Array.from({ length: cells }, () => drawCell(gap, random));
      const set = gapRecovered(drawn);
      if (covers(set, recovered)) covered++;
      if (set.kind === 'bounded') bounded++;
      const ratios = drawn.map(({ weak, student, ceiling }) => (student - weak) / (ceiling - weak));
      if (ratios.every(Number.isFinite) && within(meanInterval(ratios), recovered)) naive++;
    }
    const shares = [covered, bounded, naive].map((count) => percent(count / simulations));
    console.log(`${String(cells).padStart(5)}  ${gap.toFixed(2)} ${shares.join('')}`);
  }
}

console.log('\nWilson interval of one accuracy');
for (const probability of [0.5, 0.8, 0.95, 0.985]) {
  const random = Random.of(0, 'wilson', String(probability));
  let covered = 0;
  for (let simulation = 0; simulation < 4 * simulations; simulation++) {
    const correct = Math.round(measured(probability, random) * items);
    if (within(proportion(correct, items), probability)) covered++;
  }
  console.log(`p = ${probability}:${percent(covered / (4 * simulations))}`);
}
