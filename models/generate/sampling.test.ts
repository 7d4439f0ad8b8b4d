import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { processorsFor } from './logits.js';
import { likeliest, logProbability, Sampler } from './sampling.js';
import { settle } from './settings.js';

const all = { temperature: 1, topK: 0, topP: 1, minP: 0 };
const logits = fc
  .array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 40 })
  .map((values) => Float32Array.from(values));

/** Probabilities by the definition. */
function softmax(values: Float32Array): number[] {
  const powers = Array.from(values, (value) => Math.exp(value));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

describe('a distribution', () => {
  it('is the softmax where nothing restricts it', () => {
    fc.assert(
      fc.property(logits, (values) => {
        const found = new Sampler(all, values.length).distribution(values.slice());
        softmax(values).forEach((p, token) => expect(found.get(token)).toBeCloseTo(p, 10));
      }),
    );
  });

  it('keeps the k likeliest, and those as likely as the k-th', () => {
    const found = new Sampler({ ...all, topK: 2 }, 5).distribution(Float32Array.of(1, 3, 2, 2, 0));
    expect([...found.keys()]).toEqual([1, 2, 3]);
  });

  it('keeps the fewest tokens that together reach top-p, as sorting all of them would', () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 0.999, noNaN: true }), (values, topP) => {
        const ascending = softmax(values).sort((a, b) => a - b);
        let sum = 0;
        const gone = ascending.filter((p) => (sum += p) <= 1 - topP).length;
        const expected = Math.max(1, ascending.length - gone);
        const found = new Sampler({ ...all, topP }, values.length).distribution(values.slice());
        // At the very edge rounding may decide otherwise.
        expect(Math.abs(found.size - expected)).toBeLessThanOrEqual(1);
        expect(found.has(likeliest(values)) || found.size > 0).toBe(true);
      }),
    );
    const three = Float32Array.from([0.5, 0.3, 0.2], Math.log);
    const kept = (topP: number) => [...new Sampler({ ...all, topP }, 3).distribution(three.slice()).keys()];
    expect(kept(0.4)).toEqual([0]);
    expect(kept(0.7)).toEqual([0, 1]);
    expect(kept(0.9)).toEqual([0, 1, 2]);
  });

  it('keeps tokens at least min-p as likely as the likeliest', () => {
    const three = Float32Array.from([0.5, 0.3, 0.2], Math.log);
    expect([...new Sampler({ ...all, minP: 0.5 }, 3).distribution(three).keys()]).toEqual([0, 1]);
  });
});

describe('a draw', () => {
  it('takes one random number, and never a token that is forbidden', () => {
    const sampler = new Sampler(all, 3);
    const random = Random.of(1, 'test');
    const other = Random.of(1, 'test');
    for (let i = 0; i < 200; i++) {
      expect(sampler.draw(Float32Array.of(0, -Infinity, 1), random)).not.toBe(1);
      other.uniform();
    }
    expect(random.state).toEqual(other.state);
  });

  it('is refused where logits are no numbers', () => {
    expect(likeliest(Float32Array.of(1, NaN))).toBe(-1);
    expect(new Sampler(all, 2).draw(Float32Array.of(NaN, 1), Random.of(1))).toBe(-1);
  });
});

it('log-probabilities are those of the softmax', () => {
  fc.assert(
    fc.property(logits, (values) => {
      softmax(values).forEach((p, token) =>
        expect(logProbability(values, token)).toBeCloseTo(Math.log(p), 8),
      );
    }),
  );
});

it('the repetition penalty divides what is above 0, multiplies what is below, once a token', () => {
  const settings = settle({ repetitionPenalty: 2 }, undefined, {});
  const values = Float32Array.of(4, -4, 4, -4);
  for (const process of processorsFor(settings)) process({ tokens: [0, 1, 0, 0], promptLength: 2 }, values);
  expect([...values]).toEqual([2, -8, 4, -4]);
});
