import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { families, fitDecay, valueOf, type Decay } from './decay-fit.js';
import { canFit, studyDecay, type Curve } from './decay.js';

/** Twenty seeds around a known curve: each seed off as a whole, and each point off by itself, in logarithms. */
function simulated(truth: Decay, n: readonly number[], seed: number, runs = 20): Curve {
  const random = Random.of(seed, 'decay', 'test');
  return {
    n,
    runs: Array.from({ length: runs }, () => {
      const own = 0.2 * random.normal();
      return n.map((value) => valueOf(truth, value) * Math.exp(own + 0.15 * random.normal()));
    }),
  };
}

const examples = [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32];
const quick = { resamples: 100 };
const exponential: Decay = { family: 'exponential', a: 0.5, b: 0.3, c: 2e-3 };
const power: Decay = { family: 'power law', a: 0.5, b: 1.5, c: 2e-3 };

describe('comparing an exponential with a power law', () => {
  it('finds an exponential before a plateau, with its rate and level in their intervals', () => {
    const found = studyDecay(simulated(exponential, examples, 1), quick);
    expect(found.difference.low).toBeGreaterThan(0);
    expect([found.better, found.agreement]).toEqual(['exponential', 1]);
    for (const part of ['a', 'b', 'c'] as const) {
      const { low, high } = found.exponential[part];
      expect(low).toBeLessThanOrEqual(exponential[part]);
      expect(high).toBeGreaterThanOrEqual(exponential[part]);
    }
  });

  it('finds a power law before a plateau, likewise', () => {
    const found = studyDecay(simulated(power, examples, 2), quick);
    expect(found.difference.high).toBeLessThan(0);
    expect([found.better, found.agreement]).toEqual(['power', 1]);
    for (const part of ['a', 'b', 'c'] as const) {
      const { low, high } = found.power[part];
      expect(low).toBeLessThanOrEqual(power[part]);
      expect(high).toBeGreaterThanOrEqual(power[part]);
    }
  });

  it('is not sure where the curve hardly falls', () => {
    const found = studyDecay(simulated({ ...exponential, a: 1e-4 }, examples, 3), quick);
    expect(found.difference.low).toBeLessThan(0);
    expect(found.difference.high).toBeGreaterThan(0);
  });

  it('takes exponentials of several rates for an exponential', () => {
    const random = Random.of(4, 'rates');
    const runs = Array.from({ length: 20 }, () => {
      const b = 0.3 * Math.exp(0.4 * random.normal());
      return examples.map((n) => valueOf({ ...exponential, b, c: 0 }, n) * Math.exp(0.1 * random.normal()));
    });
    expect(studyDecay({ n: examples, runs }, quick).difference.low).toBeGreaterThan(0);
  });

  it('leaves n = 0 out, gives the same twice, and other intervals for another seed', () => {
    const curve = simulated(exponential, examples, 5);
    const withZero = { n: [0, ...curve.n], runs: curve.runs.map((run) => [0, ...run]) };
    const found = studyDecay(curve, quick);
    expect(studyDecay(withZero, quick)).toEqual(found);
    expect(studyDecay(curve, { ...quick, seed: 1 }).difference.low).not.toBe(found.difference.low);
  });
});

describe('the plateau', () => {
  const amounts = [4, 8, 16, 32, 64, 128, 256, 512];

  it.each([
    [{ family: 'power law', a: 2, b: 1.2, c: 0.1 }, (2 / 0.01) ** (1 / 1.2)],
    [{ family: 'exponential', a: 0.5, b: 0.05, c: 0.1 }, Math.log(0.5 / 0.01) / 0.05],
  ] as [Decay, number][])('of %o is found where it is', (truth, from) => {
    const { plateau: found, better } = studyDecay(simulated(truth, amounts, 6), quick);
    expect(better).toBe(truth.family === 'exponential' ? 'exponential' : 'power');
    expect(found.evidence.low).toBeGreaterThan(0);
    expect(found.reached).toBe(true);
    expect(found.level.low).toBeLessThan(0.1);
    expect(found.level.high).toBeGreaterThan(0.1);
    expect(found.from.low).toBeLessThan(from);
    expect(found.from.high).toBeGreaterThan(from);
    expect(found.settled.low).toBeLessThanOrEqual(2 * from);
    expect(found.settled.high).toBeGreaterThanOrEqual(from / 2);
  });

  it('of a curve that only rises is there from the beginning', () => {
    const random = Random.of(9, 'decay', 'test');
    const runs = [0, 1, 2].map(() =>
      amounts.map((n) => 0.1 * (1 + 0.02 * Math.log(n)) * (1 + 0.01 * random.normal())),
    );
    const found = studyDecay({ n: amounts, runs }, quick).plateau;
    expect(found.from.value).toBe(amounts[0]);
    expect(found.level.value).toBeCloseTo(0.11, 2);
    expect(found.reached).toBe(true);
  });

  it('is not found where there is none', () => {
    const found = studyDecay(simulated({ family: 'power law', a: 2, b: 1, c: 0 }, amounts, 7), quick).plateau;
    expect(found.reached).toBe(false);
    expect(found.evidence.low).toBeLessThan(0);
    expect(found.level.value).toBeLessThan(1e-3);
  });
});

describe('what cannot be fitted', () => {
  const curve = simulated(exponential, examples, 8);

  it.each([
    ['too few columns', { n: [1, 2, 3, 4, 5], runs: curve.runs.map((run) => run.slice(0, 5)) }],
    ['too few runs', { ...curve, runs: curve.runs.slice(0, 2) }],
    ['a risk of 0', { ...curve, runs: [[0, ...curve.runs[0]!.slice(1)], ...curve.runs.slice(1)] }],
  ])('%s', (_, unfit) => {
    expect(canFit(unfit)).toBe(false);
    expect(() => studyDecay(unfit)).toThrow(RangeError);
  });

  it('runs that all agree are fitted exactly', () => {
    const same = { n: examples, runs: [0, 1, 2].map(() => examples.map((n) => valueOf(exponential, n))) };
    const { a, b, c } = studyDecay(same, { resamples: 5 }).exponential;
    expect(a.value).toBeCloseTo(exponential.a, 8);
    expect(b.value).toBeCloseTo(exponential.b, 8);
    expect(c.value).toBeCloseTo(exponential.c, 8);
  });
});

describe("SciPy's fits (fixtures/decay.py)", () => {
  interface Fixture {
    n: number[];
    logs: number[];
    weights: number[];
    fits: Record<string, { a: number; b: number; c: number; squares: number; aicc: number }>;
  }
  const fixtures = JSON.parse(
    readFileSync(new URL('./fixtures/decay.json', import.meta.url), 'utf8'),
  ) as Fixture[];

  it.each(fixtures.map((fixture, index) => [index, fixture] as const))('curve %i', (_, fixture) => {
    for (const family of families) {
      for (const withPlateau of [true, false]) {
        const found = fitDecay(fixture, family, withPlateau);
        const expected = fixture.fits[withPlateau ? family : `${family} without plateau`]!;
        expect(found.squares).toBeLessThanOrEqual(expected.squares * (1 + 1e-6));
        expect(found.aicc).toBeCloseTo(expected.aicc, 4);
        for (const part of ['a', 'b', 'c'] as const)
          expect(Math.abs(found[part] - expected[part])).toBeLessThan(1e-3 * Math.abs(expected[part]) + 1e-6);
      }
    }
  });
});
