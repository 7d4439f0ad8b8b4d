/** @file Which of the cleaned texts go into which split: by the seed, by how the data was published, by difficulty. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { countBy, type LabelledText } from './clean.js';
import { pools, type Pool } from './source.js';
import { splitCounts, type SplitSizes } from './split.js';
import { bySplit, splits, type Split } from './task.js';

const size = z
  .number()
  .min(0)
  .refine((x) => x < 1 || Number.isInteger(x), 'expected a share below 1 or a whole number');
const someSize = size.refine((x) => x > 0, 'this split cannot be empty');

export const placingShape = {
  limit: z.int().min(4).optional().describe('at most this many texts, drawn from the seed; for small runs'),
  splits: z
    .strictObject({
      A: someSize.optional().describe('texts whose truth trains the weak supervisor; default 0.3'),
      B: someSize.optional().describe('texts that it labels and the student is trained on; default 0.4'),
      validation: size.optional().describe('texts for choosing between settings; default 0.1'),
      test: someSize.optional().describe('texts that accuracy is measured on; default 0.2'),
    })
    .prefault({})
    .describe(
      'below 1: a share of the texts; from 1: a number of texts. Where a split has a file of its own, the default is all ' +
        'of it, and the others share the rest in the same proportions',
    ),
};

export const morePlacing = {
  difficulty: z
    .string()
    .min(1)
    .optional()
    .describe(
      'a column with a number that says how hard a text is: A gets the easiest, B and test the hardest',
    ),
};

export interface PlacingParameters {
  readonly limit?: number;
  readonly splits: Partial<SplitSizes>;
  readonly difficulty?: string;
}

export interface Placeable extends LabelledText {
  readonly pool: Pool;
  readonly difficulty: number;
}

/** Shares where all four are drawn from the same texts. */
const standard: SplitSizes = { A: 0.3, B: 0.4, validation: 0.1, test: 0.2 };

/** The splits that are drawn from what was published for no split in particular. */
const drawn = (own: ReadonlySet<Pool>): Split[] => splits.filter((split) => !own.has(split));

/** Sizes, with defaults where none are given: they share what is drawn, in the proportions of {@link standard}. */
function sizesOf(given: Partial<SplitSizes>, own: ReadonlySet<Pool>): SplitSizes {
  const shared = drawn(own);
  const sum =
    shared.length === splits.length ? 1 : shared.reduce((total, split) => total + standard[split], 0);
  return bySplit((split) => given[split] ?? (own.has(split) ? Infinity : standard[split] / sum));
}

/** Sizes without those that go without saying, so that a key does not depend on whether they were said. */
export function withoutStandardSizes(
  given: Partial<SplitSizes>,
  own: ReadonlySet<Pool>,
): Partial<SplitSizes> {
  const usual = sizesOf({}, own);
  return Object.fromEntries(
    splits.flatMap((split) =>
      given[split] === undefined || given[split] === usual[split] ? [] : [[split, given[split]]],
    ),
  );
}

/** What is wrong with the shares of what is drawn. @returns a message */
export function mistakeInSizes(given: Partial<SplitSizes>, own: ReadonlySet<Pool>): string | undefined {
  const sizes = sizesOf(given, own);
  const shares = drawn(own).reduce((sum, split) => sum + (sizes[split] < 1 ? sizes[split] : 0), 0);
  if (shares <= 1 + 1e-9) return undefined;
  return `the shares add up to ${Number(shares.toFixed(6))}, which is more than 1`;
}

/** Of rows with the same text in several pools, the one in that from which least is learnt: a test set stays whole. */
export function mostHeldOut<T extends Placeable>(same: readonly T[]): T {
  const rank = (row: T): number => pools.indexOf(row.pool);
  return same.reduce((best, row) => (rank(row) > rank(best) ? row : best));
}

export interface Placed<T> {
  readonly texts: Record<Split, T[]>;
  /** What was left out, and how many each split has, for the report. */
  readonly counts: Record<string, number>;
  readonly notes: string[];
}

/**
 * Draws the splits. Which text goes where does not depend on the order of `kept`'s file rows: they come sorted.
 *
 * @param kept each text once, in an order that the file's does not change
 * @param purpose names the stream of random numbers
 * @param where the file, for messages
 * @throws UserError where the splits ask for more than there is, or one that must not be is empty
 */
export function place<T extends Placeable>(
  kept: readonly T[],
  p: PlacingParameters & { readonly balance?: 'none' | 'undersample' },
  { seed, purpose, where }: { seed: number; purpose: string; where: string },
): Placed<T> {
  const shuffled = Random.of(seed, purpose, 'split').shuffled(kept);
  const balanced = p.balance === 'undersample' ? undersampled(shuffled, where) : shuffled;
  const used = balanced.slice(0, p.limit);
  const own = new Set(used.map(({ pool }) => pool).filter((pool) => pool !== 'train'));
  const sizes = sizesOf(p.splits, own);
  const mistake = mistakeInSizes(p.splits, own);
  if (mistake !== undefined) throw new UserError(`${where}: ${mistake}`);
  const common = used.filter(({ pool }) => pool === 'train');
  // Where every split that must be is published by itself, nothing is drawn, and validation may stay empty.
  if (common.length === 0 && drawn(own).every((split) => split === 'validation')) sizes.validation = 0;
  const fromCommon = bySplit((split) => (own.has(split) ? 0 : sizes[split]));
  const counts = countsOf(common.length, fromCommon, where);
  const texts = p.difficulty === undefined ? inOrder(common, counts) : easyToHard(common, counts);
  for (const split of splits) if (own.has(split)) texts[split] = published(used, split, sizes[split], where);
  const placed = bySplit((split) => texts[split].length);
  return {
    texts,
    counts: {
      'left out by balance': shuffled.length - balanced.length,
      'left out by limit': balanced.length - used.length,
      ...placed,
      'in no split': used.length - splits.reduce((sum, split) => sum + placed[split], 0),
    },
    notes: p.difficulty === undefined ? [] : [difficultyNote(p.difficulty, texts)],
  };
}

function countsOf(total: number, sizes: SplitSizes, where: string): Record<Split, number> {
  try {
    return splitCounts(total, sizes);
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

function inOrder<T>(texts: readonly T[], counts: Record<Split, number>): Record<Split, T[]> {
  let start = 0;
  return bySplit((split) => texts.slice(start, (start += counts[split])));
}

/**
 * A: the easiest. B, validation and test, at random: the hardest. What is in no split lies between them, so the fewer
 * texts the splits take, the wider the gap (allenai/easy-to-hard-generalization trains on the easy end likewise).
 */
function easyToHard<T extends Placeable>(
  texts: readonly T[],
  counts: Record<Split, number>,
): Record<Split, T[]> {
  // Sorting is stable: ties stay in the order that the seed drew.
  const byDifficulty = [...texts].sort((a, b) => a.difficulty - b.difficulty);
  const easy = new Set(byDifficulty.slice(0, counts.A));
  const hardest = counts.B + counts.validation + counts.test;
  const hard = new Set(hardest === 0 ? [] : byDifficulty.slice(-hardest));
  return {
    ...inOrder(
      texts.filter((text) => hard.has(text)),
      { ...counts, A: 0 },
    ),
    A: texts.filter((text) => easy.has(text)),
  };
}

function published<T extends Placeable>(used: readonly T[], split: Split, size: number, where: string): T[] {
  const there = used.filter(({ pool }) => pool === split);
  const count = size === Infinity ? there.length : size < 1 ? Math.round(size * there.length) : size;
  if (count > there.length)
    throw new UserError(
      `${where}: split ${split} needs ${count} texts, and ${there.length} were published for it`,
    );
  if (count === 0 && size > 0)
    throw new UserError(
      `${where}: of ${there.length} texts that were published for split ${split}, none is left`,
    );
  return there.slice(0, count);
}

/** As many texts of each class as the rarest has, in each pool by itself. */
function undersampled<T extends Placeable>(texts: readonly T[], where: string): T[] {
  const classes = [...new Set(texts.map(({ label }) => label))];
  const counts = countBy(texts.map(({ pool, label }) => JSON.stringify([pool, label])));
  const least = new Map<Pool, number>();
  for (const pool of new Set(texts.map((text) => text.pool))) {
    const rarest = Math.min(...classes.map((label) => counts.get(JSON.stringify([pool, label])) ?? 0));
    const empty = classes.find((label) => !counts.has(JSON.stringify([pool, label])));
    if (empty !== undefined)
      throw new UserError(
        `${where}: balance: undersample leaves nothing, since no text ${pool === 'train' ? '' : `of ${pool} `}has class "${empty}"`,
      );
    least.set(pool, rarest);
  }
  const taken = new Map<string, number>();
  return texts.filter(({ pool, label }) => {
    const key = JSON.stringify([pool, label]);
    const before = taken.get(key) ?? 0;
    taken.set(key, before + 1);
    return before < (least.get(pool) ?? 0);
  });
}

function difficultyNote<T extends Placeable>(column: string, texts: Record<Split, T[]>): string {
  const ranges = splits.flatMap((split) => {
    const values = texts[split].map(({ difficulty }) => difficulty);
    const [low, high] = values.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
    return values.length === 0 ? [] : [`${split} ${low} to ${high}`];
  });
  return `Easy to hard by "${column}": ${ranges.join(', ')}.`;
}

/** How hard a row says that it is: a number, or a word before one ("Level 3"). */
export function difficultyOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'bigint') return Number(value);
  const written =
    typeof value === 'string' ? /^[\p{L} ]*?(-?\d+(?:\.\d+)?(?:e-?\d+)?)$/iu.exec(value.trim()) : null;
  if (written !== null) return Number(written[1]);
  throw new UserError(
    `${where}: expected a number that says how hard the text is, found ${JSON.stringify(value ?? null)}`,
  );
}
