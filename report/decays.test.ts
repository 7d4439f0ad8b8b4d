/** @file How risks come down, as the report tells it. */
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { valueOf, type Decay as Truth } from '../metrics/decay-fit.js';
import { decaysOf } from './decays.js';
import type { Results, TrialResult } from './results.js';
import { decaySection, finding } from './sections/decays.js';

const refined: Truth = { family: 'exponential', a: 0.5, b: 0.3, c: 1e-3 };
const naive: Truth = { family: 'power law', a: 1.5, b: 1, c: 0.05 };

/** Trials of two methods in eight cells, as a sweep over the mixture leaves them. */
function trialsOf(metric: { name: string; higherIsBetter: boolean }): Pick<Results, 'trials'> {
  const random = Random.of(1, 'decays', 'test');
  const rows = [
    ...[1, 2, 4, 8, 12, 16, 24, 32].map((examples) => ['icl-refinement', { examples }, refined] as const),
    ...[4, 8, 16, 32, 64, 128, 256, 512, 1024].map((items) => ['naive', { items }, naive] as const),
  ];
  const seeds = Array.from({ length: 8 }, (_, seed) => ({ seed, own: 0.1 * random.normal() }));
  const trials = seeds.flatMap(({ seed, own }) =>
    rows.map(([name, values, truth]): TrialResult => {
      const [[parameter, n]] = Object.entries(values) as [[string, number]];
      const value = valueOf(truth, n) * Math.exp(own + 0.05 * random.normal());
      return {
        id: `${name} ${n} ${seed}`,
        task: 'mixture',
        taskValues: {},
        weak: 'noisy',
        strong: 'strong',
        method: `${name} ${parameter}=${n}`,
        methodValues: values,
        role: 'method',
        seed,
        cell: `cell ${seed}`,
        status: 'done',
        score: { metric, value, total: 100, correct: null, low: value, high: value, level: 0.95 },
        evaluation: 'none',
      };
    }),
  );
  return { trials };
}

describe('risks that come down', () => {
  const results = trialsOf({ name: 'risk', higherIsBetter: false });
  const decays = decaysOf(results);

  it('are found by method and parameter, each with its cells', () => {
    expect(
      decays.map(({ series, parameter, group, curve }) => [series, parameter, group, curve.runs.length]),
    ).toEqual([
      ['icl-refinement', 'examples', 'mixture · noisy → strong', 8],
      ['naive', 'items', 'mixture · noisy → strong', 8],
    ]);
  });

  it('are told with their shape, rate and plateau', () => {
    expect(finding(decays[0]!)).toMatch(
      /^It comes down by an exponential rather than a power law: ΔAICc [\d.]+ \(in resamples [\d.]+ to [\d.]+\), better in 100\u00a0% of resamples of 8 cells\. Rate 0\.\d+ \[0\.\d+, 0\.\d+\] per unit of examples\./,
    );
    expect(finding(decays[1]!)).toMatch(
      /^It comes down by a power law rather than an exponential: .* The fit is within 10\u00a0% of its plateau, 0\.0\d+ \[0\.0\d+, 0\.0\d+\], from items = \d+ \[\d+, \d+\] on\. Whatever the fit, .* from \d+ \[\d+, \d+\] on\.$/,
    );
  });

  it('leave out cells that lack a value', () => {
    const trials = results.trials.filter(({ id }) => id !== 'naive 64 3');
    expect(decaysOf({ trials }).map(({ curve }) => curve.runs.length)).toEqual([8, 7]);
  });

  it('stand in a section with a figure each, the same bytes every time', async () => {
    const section = await decaySection(results);
    expect(section!.markup.match(/<figure>/g)).toHaveLength(2);
    expect((await decaySection(results))!.markup === section!.markup).toBe(true);
  });

  it('are not looked for where more is better', async () => {
    expect(await decaySection(trialsOf({ name: 'accuracy', higherIsBetter: true }))).toBeUndefined();
  });
});
