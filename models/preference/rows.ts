/** @file Candidates as the arrays that a graph over pairs is fed. */
import type { Batch } from '../../onnx/trainer.js';
import type { Candidate } from './pair.js';

/** Sizes of a graph over pairs; the rows are candidates. */
export interface PairSize {
  /** T: tokens of a row, padding included. */
  readonly length: number;
  /** R: tokens of a response at most. */
  readonly places: number;
}

/** Sizes are multiples of it where they can be, so that similar data share one graph. */
const unit = 8;

/** Sizes that hold candidates; of a policy, whose last token need not be read, and of a reward model. */
export function pairSize(
  candidates: readonly Candidate[],
  context: number,
): { scores: PairSize; policy: PairSize } {
  const [longest, places] = candidates.reduce(
    ([all, own], { tokens, start }) => [Math.max(all, tokens.length), Math.max(own, tokens.length - start)],
    [0, 0] as [number, number],
  );
  const rounded = (length: number, most: number) => Math.min(most, Math.ceil(length / unit) * unit);
  const read = rounded(longest - 1, context);
  return {
    scores: { length: rounded(longest, context), places: 0 },
    policy: { length: read, places: rounded(places, read) },
  };
}

/** `tokens` [N, T] and `last` [N]. Rows that are missing are those of one token. */
export function scoreRows(
  candidates: readonly Candidate[],
  rows: number,
  { length }: PairSize,
): Pick<Batch, 'tokens' | 'last'> & Batch {
  const tokens = new Int32Array(rows * length);
  const last = new Int32Array(rows);
  candidates.forEach((candidate, row) => {
    checkFits(candidate, candidate.tokens.length, length, row);
    tokens.set(candidate.tokens, row * length);
    last[row] = candidate.tokens.length - 1;
  });
  return { tokens, last };
}

/** `tokens` [N, T], `positions` and `next` [N·R], `mask` [N, R]. Rows that are missing have no response. */
export function policyRows(
  candidates: readonly Candidate[],
  rows: number,
  { length, places }: PairSize,
): Batch {
  const tokens = new Int32Array(rows * length);
  const positions = new Int32Array(rows * places);
  const next = new Int32Array(rows * places);
  const mask = new Float32Array(rows * places);
  for (let row = 0; row < rows; row++) {
    const candidate = candidates[row] ?? { tokens: [0], start: 1 };
    const { tokens: ids, start } = candidate;
    checkFits(candidate, ids.length - 1, length, row);
    const count = ids.length - start;
    if (count > places) {
      throw new RangeError(`row ${row} has a response of ${count} tokens, and at most ${places} fit`);
    }
    tokens.set(ids.slice(0, length), row * length);
    next.set(ids.slice(start), row * places);
    mask.fill(1, row * places, row * places + count);
    // Each place may be read once only: those that fill up are others, and weigh nothing.
    const own = Array.from({ length: count }, (_, index) => start - 1 + index);
    const taken = new Set(own);
    const others = Array.from({ length }, (_, position) => position).filter((at) => !taken.has(at));
    const all = [...own, ...others.slice(0, places - count)];
    positions.set(
      all.map((position) => row * length + position),
      row * places,
    );
  }
  return { tokens, positions, next, mask };
}

function checkFits({ tokens, start }: Candidate, read: number, length: number, row: number): void {
  if (tokens.length === 0 || read > length || start < 1) {
    throw new RangeError(
      `row ${row} has ${tokens.length} tokens, its response begins at ${start}: ${length} fit`,
    );
  }
}
