/** @file The pairs of GAIR's stage II, rule by rule (w2s: 10 samples, 0.6 to be heard, 0.8 to overrule). */
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import type { Item, Label } from '../datasets/task.js';
import { graders } from '../metrics/graders/registry.js';
import type { WorkBench } from './definition/label-work.js';
import { votePairs } from './vote-pairs.js';

const gsm8k = graders['gsm8k']!;
const items: Item[] = ['a', 'b'].map((id) => ({ id, text: `question ${id}`, choices: [] }));

/** Answers that differ in their words, with these final numbers; null: none. */
const texts = (...numbers: (number | null)[]): string[] =>
  numbers.map((number, n) =>
    number === null ? `way ${'x'.repeat(n)}` : `way ${'x'.repeat(n)}: #### ${number}`,
  );
const times = (count: number, number: number | null): (number | null)[] =>
  Array<typeof number>(count).fill(number);

function pairsOf(weak: string, samples: readonly string[], parameters: Record<string, unknown> = {}) {
  const log: string[] = [];
  const label = (id: string, more: Partial<Label>): Label => ({ id, label: 0, probabilities: [], ...more });
  // The second item always makes one pair, so that something is left.
  const easy = texts(...times(9, 1), 2);
  const bench: WorkBench = {
    items,
    roles: ['weak', 'samples'],
    labels: (role) =>
      role === 'weak'
        ? [label('a', { answer: weak }), label('b', { answer: 'weak #### 1' })]
        : [label('a', { answer: '', texts: [...samples] }), label('b', { answer: '', texts: easy })],
    activations: () => Promise.reject(new Error('not asked for')),
    same: (_item, answer, other) => gsm8k.grade(answer, other).score === 1,
    random: Random.of(1, 'pairs'),
    log: (line) => log.push(line),
  };
  const made = votePairs(bench, parameters).filter(({ id }) => id === 'a');
  return { pairs: made.map(({ texts: pair }) => pair!), log: log.join('\n') };
}

describe('vote pairs', () => {
  it('prefer a weak answer that the majority confirms to a sample that differs', () => {
    const samples = texts(...times(6, 18), 4, 5, null, 7);
    const { pairs } = pairsOf('weak #### 18.0', samples);
    expect(pairs).toHaveLength(1);
    expect(pairs[0]![0]).toBe('weak #### 18.0');
    expect(samples.slice(6)).toContain(pairs[0]![1]);
  });

  it('skip it where no sample differs: too easy', () => {
    const { pairs, log } = pairsOf('weak #### 18', texts(...times(10, 18)));
    expect(pairs).toEqual([]);
    expect(log).toContain('1 too easy');
  });

  it.each([
    [8, 1],
    [7, 0],
  ])('overrule a weak answer by %d of 10 samples: %d pairs', (agreeing, count) => {
    const samples = texts(...times(agreeing, 18), ...times(10 - agreeing, 3));
    const { pairs } = pairsOf('weak #### 3', samples);
    expect(pairs).toHaveLength(count);
    for (const [chosen, rejected] of pairs) {
      expect(samples.slice(0, agreeing)).toContain(chosen);
      expect(rejected).toBe('weak #### 3');
    }
  });

  it.each([
    ['a majority below 0.6', texts(...times(5, 18), ...times(5, 4))],
    ['most samples without a final answer', texts(...times(4, 18), ...times(6, null))],
  ])('skip %s', (_what, samples) => {
    // "way xxx" has no number, so the grader finds no answer in it.
    expect(pairsOf('weak #### 18', samples).pairs).toEqual([]);
  });

  it('make as many pairs as asked for, of different samples', () => {
    const { pairs } = pairsOf('weak #### 18', texts(...times(6, 18), 1, 2, 3, 4), { pairs: 3 });
    expect(new Set(pairs.map(([, rejected]) => rejected)).size).toBe(3);
  });

  it('say what to do where no pair is left', () => {
    const bench = {
      items: [items[0]!],
      roles: ['weak', 'samples'],
      labels: () => [
        { id: 'a', label: 0, probabilities: [], answer: '#### 1', texts: texts(...times(3, 1)) },
      ],
      activations: () => Promise.reject(new Error('not asked for')),
      same: () => true,
      random: Random.of(1, 'pairs'),
      log: () => undefined,
    };
    expect(() => votePairs(bench, {})).toThrow(/make no pair.*Draw more samples/);
  });
});
