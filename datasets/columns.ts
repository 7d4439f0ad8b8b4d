/** @file A row of a user's file, and the columns it must have. */
import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.js';

export interface Row {
  /** Counted from 1, without a header. */
  number: number;
  /** Where a person finds it: "line 17", "row 17". */
  place: string;
  values: Record<string, unknown>;
}

/** Throws a UserError where a column is not there: which are, and which of them may have been meant. */
export function checkColumns(where: string, wanted: readonly string[], present: readonly string[]): void {
  const missing = wanted.find((name) => !present.includes(name));
  if (missing === undefined) return;
  const near = present.length > 0 ? closest(missing.toLowerCase(), present) : undefined;
  const hint =
    near !== undefined && distance(missing.toLowerCase(), near.toLowerCase()) <= 1 + missing.length / 3;
  throw new UserError(
    `${where}: there is no column "${missing}". The columns are ${present.map((name) => `"${name}"`).join(', ')}.` +
      (hint ? ` Did you mean "${near}"?` : ''),
  );
}

/** Throws a UserError where none of the columns is there. */
export function checkAnyColumn(where: string, wanted: readonly string[], present: readonly string[]): void {
  if (wanted.some((name) => present.includes(name))) return;
  throw new UserError(
    `${where}: there is none of the columns ${wanted.map((name) => `"${name}"`).join(', ')}. ` +
      `The columns are ${present.map((name) => `"${name}"`).join(', ')}.`,
  );
}
