/** @file The refinement theory from sweep to score, in its own setting: naive is stuck, refinement comes down. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.js';
import { studyDecay } from '../metrics/decay.js';
import type { Trial } from '../plan/tree.js';
import { openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { planOf } from '../test/sweeps.js';
import { readEvaluation } from './evaluation.js';

const amounts = [2, 4, 8, 16, 32, 64, 128];
const examples = [1, 2, 4, 8, 12, 16, 24];
const theory: JsonObject = {
  name: 'theory',
  tasks: {
    mixture: {
      generator: 'gaussian-mixture',
      dimension: 8,
      components: 4,
      sigma: 0.7,
      splits: { A: 64, B: 128, test: 64 },
    },
  },
  models: {
    weak: { architecture: 'mixture', knows: 'nothing', shrinkage: 0.1, noise: 0.3 },
    strong: { architecture: 'mixture', shrinkage: 0.02 },
  },
  pairs: [{ weak: 'weak', strong: 'strong' }],
  methods: [{ naive: { items: amounts } }, { 'icl-refinement': { examples } }],
  controls: ['zero-shot', 'zero-examples', 'oracle'],
  seeds: 3,
};

describe('a sweep over the mixture', () => {
  let laboratory: Laboratory;
  const risks = new Map<string, number[]>();
  beforeAll(async () => {
    laboratory = await openLaboratory(planOf(theory));
    await runAll(laboratory);
    const trials: Trial[] = laboratory.plan.cells.flatMap((cell) => cell.trials);
    for (const { method, evaluation } of trials) {
      const artifact = await laboratory.store.read({ kind: 'evaluate', key: evaluation });
      const { value, metric } = await readEvaluation(artifact);
      expect(metric).toEqual({ name: 'risk', higherIsBetter: false });
      risks.set(method, [...(risks.get(method) ?? []), value]);
    }
  });
  afterAll(() => laboratory.remove());

  const of = (method: string): number[] => {
    const found = risks.get(method);
    if (found === undefined) throw new RangeError(`no ${method} among ${[...risks.keys()].join(', ')}`);
    return found;
  };
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const curve = (label: (n: number) => string, n: number[]) => ({
    n,
    runs: [0, 1, 2].map((seed) => n.map((value) => of(label(value))[seed]!)),
  });

  it('has an oracle without risk, and k = 0 as the strong model itself but for its shrinkage', () => {
    expect(of('oracle')).toEqual([0, 0, 0]);
    expect(mean(of('zero-shot'))).toBeGreaterThan(0.15);
    of('zero-examples').forEach((risk, seed) => expect(risk).toBeCloseTo(of('zero-shot')[seed]!, 12));
  });

  it('has naive students on a plateau beside their supervisor, however many labels they have', () => {
    const { plateau: found } = studyDecay(
      curve((items) => `naive items=${items}`, amounts),
      { resamples: 100 },
    );
    expect(found.reached).toBe(true);
    expect(found.level.value).toBeGreaterThan(10 * mean(of('ceiling')));
  });

  it('has refined students whose risk falls far below, exponentially', () => {
    const refined = curve((count) => `icl-refinement examples=${count}`, examples);
    expect(mean(of('icl-refinement examples=24'))).toBeLessThan(0.2 * mean(of('naive items=128')));
    expect(studyDecay(refined, { resamples: 100 }).difference.value).toBeGreaterThan(0);
  });

  it('has a ceiling with nothing left but what the shrinkage costs', () => {
    expect(mean(of('ceiling'))).toBeLessThan(2e-3);
    expect(mean(of('ceiling'))).toBeGreaterThan(1e-5);
  });
});
