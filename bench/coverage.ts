/**
 * @file How often the 95 % intervals cover the truth, by simulation: `npm run bench -- coverage`. The tables in
 * docs/statistics.md are its output.
 */
import { proportion } from '../metrics/accuracy.js';
import { compare } from '../metrics/comparison.js';
import { cellsInterval } from '../metrics/components.js';
import { meanInterval } from '../metrics/interval.js';
import { fewestTasks, medianGap } from '../metrics/median.js';
import { gapRecovered, type CellAccuracies } from '../metrics/pgr.js';
import type { GapRecovered, Interval } from '../report/results.js';
import { Random } from '../base/random.js';
import { drawCells, drawTasks, truth, type Design, type DrawnCell } from './coverage-sweeps.js';

const sweeps = 1000;
const mediansOf = 200;
const seedCounts = [3, 5, 10, 20] as const;
const smallAndLarge = [0.02, 0.2] as const;

const within = ({ low, high }: Interval, value: number): boolean =>
  (low ?? -Infinity) <= value && value <= (high ?? Infinity);

const inSet = (gap: GapRecovered, value: number): boolean =>
  gap.kind === 'exclusive' ? !within(gap, value) : within(gap, value);

/** Counts how often something holds, over those times that it was asked. */
class Tally {
  readonly #counts = new Map<string, { held: number; asked: number }>();

  add(name: string, holds: boolean): void {
    const { held, asked } = this.#counts.get(name) ?? { held: 0, asked: 0 };
    this.#counts.set(name, { held: held + (holds ? 1 : 0), asked: asked + 1 });
  }

  share(name: string): string {
    const { held, asked } = this.#counts.get(name) ?? { held: 0, asked: 0 };
    return asked === 0 ? '–' : (100 * (held / asked)).toFixed(1);
  }
}

export function benchCoverage(): Promise<void> {
  console.log(`coverage of nominal 95 % intervals in percent, ${sweeps} simulated sweeps a line`);
  for (const design of ['own items', 'shared items'] as const) oneTask(design);
  severalTasks();
  wilson();
  return Promise.resolve();
}

/** One task and pair: seeds and items vary, the baselines are shared by all methods. */
function oneTask(design: Design): void {
  console.log(`\none task, ${design}`);
  row(['seeds', 'gap', 'accuracy', 'PGR', 'bounded', 'difference', 'together', 'false finding', 'found']);
  for (const seeds of seedCounts)
    for (const gap of smallAndLarge) {
      const tally = new Tally();
      for (let sweep = 0; sweep < sweeps; sweep++)
        judge(drawCells({ seeds, gap, design, sweep }), gap, tally);
      row([
        String(seeds),
        String(gap),
        ...['accuracy', 'PGR', 'bounded', 'difference', 'together', 'false', 'found'].map((name) =>
          tally.share(name),
        ),
      ]);
    }
}

function judge(cells: readonly DrawnCell[], gap: number, tally: Tally): void {
  const levels = (cell: DrawnCell) => ({ seed: String(cell.seed) });
  const itemsOf = (cell: DrawnCell, ...lists: (readonly number[])[]) =>
    cell.ids && { ids: cell.ids, values: lists };
  const less = (a: readonly number[], b: readonly number[]) => a.map((value, index) => value - b[index]!);

  const scores = cells.map((cell) => ({
    values: [cell.means.student],
    levels: levels(cell),
    items: itemsOf(cell, cell.scores.student),
  }));
  tally.add('accuracy', within(cellsInterval(scores), truth.student(gap)));

  const set = gapRecovered(
    cells.map((cell): CellAccuracies => {
      const { weak, student, ceiling } = cell.scores;
      const items = itemsOf(cell, less(student, weak), less(ceiling, weak));
      return { ...cell.means, levels: levels(cell), items };
    }),
  );
  // Where the ceiling came out below the weak supervisor, nothing is printed that could be right or wrong.
  if (set.value !== null) tally.add('PGR', inSet(set, truth.recovered));
  tally.add('bounded', set.value !== null && set.kind === 'bounded');

  const names = ['student', 'same', 'third', 'fourth'] as const;
  const family = names.map((name) =>
    cells.map((cell) => ({
      values: [cell.means[name] - cell.means.naive],
      levels: levels(cell),
      items: itemsOf(cell, less(cell.scores[name], cell.scores.naive)),
    })),
  );
  const found = compare(family);
  names.forEach((name, index) =>
    tally.add('difference', within(found[index]!.difference, truth[name](gap) - truth.naive(gap))),
  );
  tally.add(
    'together',
    names.every((name, index) => within(found[index]!.simultaneous, truth[name](gap) - truth.naive(gap))),
  );
  tally.add('false', found[names.indexOf('same')]!.adjusted! < 0.05);
  // Against what the power note says: is a difference of the size that it names found in 80 % of sweeps?
  const { p, detectable, difference } = found[0]!;
  if (p !== null && detectable !== null) {
    const reach = difference.high! - difference.mean;
    const expected = truth.student(gap) - truth.naive(gap);
    tally.add('found', Math.abs(difference.mean - expected + detectable) > reach);
  }
}

/** Several tasks that seeds run through: means over all cells, PGR over all cells, medians over tasks. */
function severalTasks(): void {
  console.log('\nseveral tasks, each with all seeds: effects of tasks, seeds and cells');
  row(['tasks', 'seeds', 'difference', 'PGR', 'cells as independent', 'median PGR']);
  for (const tasks of [fewestTasks, 5, 10, 20])
    for (const seeds of seedCounts) {
      const tally = new Tally();
      for (let sweep = 0; sweep < sweeps; sweep++) {
        const drawn = drawTasks({ tasks, seeds, sweep });
        const differences = drawn.map(({ student, weak, levels }) => ({ values: [student - weak], levels }));
        tally.add('difference', within(cellsInterval(differences), truth.taskGain));
        tally.add(
          'independent',
          within(meanInterval(differences.map(({ values }) => values[0]!)), truth.taskGain),
        );
        const set = gapRecovered(drawn);
        if (set.value !== null) tally.add('PGR', inSet(set, truth.recovered));
        if (sweep >= mediansOf) continue;
        const byTask = Array.from({ length: tasks }, (_, task) =>
          drawn.filter(({ levels }) => levels.task === String(task)),
        );
        tally.add('median', within(medianGap(byTask, String(sweep)), truth.recovered));
      }
      row([
        String(tasks),
        String(seeds),
        ...['difference', 'PGR', 'independent', 'median'].map((name) => tally.share(name)),
      ]);
    }
}

/** The interval of one trial's accuracy, over its items. */
function wilson(): void {
  console.log('\none trial (Wilson)');
  row(['items', 'p = 0.5', 'p = 0.8', 'p = 0.95']);
  for (const items of [32, 200, 2000]) {
    const tally = new Tally();
    for (const probability of [0.5, 0.8, 0.95]) {
      const random = Random.of(0, 'wilson', items, String(probability));
      for (let sweep = 0; sweep < sweeps; sweep++) {
        let correct = 0;
        for (let item = 0; item < items; item++) if (random.uniform() < probability) correct++;
        tally.add(String(probability), within(proportion(correct, items), probability));
      }
    }
    row([String(items), ...['0.5', '0.8', '0.95'].map((name) => tally.share(name))]);
  }
}

/** A line of a Markdown table; the first of a table is followed by its rule. */
function row(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
  if (Number.isNaN(Number(cells[0]))) console.log(`|${'---|'.repeat(cells.length)}`);
}
