/** @file A task of one's own: is the number of ones in a row of bits even or odd? */
import { defineTask, Random, z, type Item, type Split, type Truth } from 'temper-w2s';

const splits = ['A', 'B', 'validation', 'test'] as const;

const parameters = z.strictObject({
  bits: z.int().min(2).max(16).default(6).describe('bits in a row'),
  items: z.int().min(1).default(16).describe('rows in each split; all rows are different'),
});
type Parameters = z.infer<typeof parameters>;

const answers = ['even', 'odd'];
const ones = (row: string): number => [...row].filter((bit) => bit === '1').length;

/** All rows of so many bits, in an order that the seed decides. */
function rows(bits: number, seed: number): string[] {
  const all = Array.from({ length: 2 ** bits }, (_, n) =>
    n.toString(2).padStart(bits, '0').split('').join(' '),
  );
  return Random.of(seed, 'parity').shuffled(all);
}

export default defineTask<Parameters>({
  name: 'parity',
  summary: 'Is the number of ones in a row of bits even or odd?',
  parameters,
  answer: 'next-token',
  corpusLoss: 'all',
  files: [],
  resolve: (given) => given,
  corpusParameters: ({ bits }) => ({ bits }),
  exampleParameters: ({ bits, items }) => ({ bits, items }),
  // What pretraining reads: rows of bits with an answer behind them, right or not, so that it knows the words only.
  corpus: async (given, seed) => {
    const { bits } = parameters.parse(given);
    const random = Random.of(seed, 'parity', 'corpus');
    return Promise.resolve(rows(bits, seed).map((row) => `${row} ${answers[random.integer(2)]}`));
  },
  examples: async (given, seed) => {
    const { bits, items } = parameters.parse(given);
    const all = rows(bits, seed);
    if (splits.length * items > all.length)
      throw new RangeError(
        `${splits.length} splits of ${items} need more than ${all.length} rows: raise bits`,
      );
    const own = (split: Split) => all.slice(splits.indexOf(split) * items).slice(0, items);
    const item = (row: string): Item => ({ id: row, text: row, choices: answers });
    const truth = (row: string): Truth => ({ id: row, label: ones(row) % 2 });
    const each = <T>(of: (row: string) => T) =>
      Object.fromEntries(splits.map((split) => [split, own(split).map(of)])) as Record<Split, T[]>;
    const report = { task: 'parity', seed, counts: { rows: all.length, 'in each split': items }, notes: [] };
    return Promise.resolve({ items: each(item), truth: each(truth), report });
  },
  prompt: (item, examples) =>
    [...examples.map(({ text, answer }) => `${text} ${answer}`), item.text].join(' '),
});
