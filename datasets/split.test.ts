import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitCounts } from './split.js';
import { splits } from './task.js';

describe('splitCounts', () => {
  test('takes shares and numbers, and both', () => {
    expect(splitCounts(10, { A: 0.3, B: 0.4, validation: 0.1, test: 0.2 })).toEqual({
      A: 3,
      B: 4,
      validation: 1,
      test: 2,
    });
    expect(splitCounts(10, { A: 3, B: 4, validation: 0, test: 2 })).toEqual({
      A: 3,
      B: 4,
      validation: 0,
      test: 2,
    });
    expect(splitCounts(10, { A: 0.25, B: 0.25, validation: 0, test: 5 })).toEqual({
      A: 3,
      B: 2,
      validation: 0,
      test: 5,
    });
  });

  test('leaves nothing over where the shares are everything', () => {
    const share = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 100_000 }),
        fc.tuple(share, share, share, share),
        (total, parts) => {
          const sum = parts.reduce((a, b) => a + b);
          const [A, B, validation, test] = parts.map((part) => part / sum) as [
            number,
            number,
            number,
            number,
          ];
          const counts = splitCounts(total, { A, B, validation, test });
          expect(splits.reduce((n, split) => n + counts[split], 0)).toBe(total);
          splits.forEach((split, i) => {
            expect(counts[split]).toBeGreaterThanOrEqual(0);
            expect(Math.abs(counts[split] - (total * parts[i]!) / sum)).toBeLessThanOrEqual(1);
          });
        },
      ),
    );
  });

  test('says what is missing', () => {
    expect(() => splitCounts(3, { A: 0.3, B: 0.4, validation: 0.1, test: 0.2 })).toThrow(
      'none is left for split validation',
    );
    expect(splitCounts(4, { A: 0.5, B: 0.25, validation: 0, test: 0.25 }).validation).toBe(0);
    expect(() => splitCounts(10, { A: 8, B: 8, validation: 0, test: 0.5 })).toThrow(
      'the splits need 21 texts (A 8, B 8, validation 0, test 5), and there are 10',
    );
  });
});
