/** @file A row of a user's file, the columns it must have, and fields inside of columns ("prompt.text"). */
import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.js';

export interface Row {
  /** Counted from 1, without a header. */
  number: number;
  /** Where a person finds it: "line 17", "row 17". */
  place: string;
  values: Record<string, unknown>;
}

/**
 * The column that a reference reads: the one of that name, or, for a field inside of a column ("prompt.text",
 * "answers.0"), the one that the part before a dot names. Undefined where there is neither.
 */
export function columnOf(reference: string, present: readonly string[]): string | undefined {
  if (present.includes(reference)) return reference;
  for (let dot = reference.indexOf('.'); dot > 0; dot = reference.indexOf('.', dot + 1)) {
    const head = reference.slice(0, dot);
    if (present.includes(head)) return head;
  }
  return undefined;
}

/** What a row holds where a reference points; undefined where it holds nothing. */
export function valueAt(values: Readonly<Record<string, unknown>>, reference: string): unknown {
  const column = columnOf(reference, Object.keys(values));
  if (column === undefined) return undefined;
  const inner = values[column];
  if (column === reference) return inner;
  if (typeof inner !== 'object' || inner === null) return undefined;
  return valueAt(inner as Record<string, unknown>, reference.slice(column.length + 1));
}

/** Throws a UserError where a column is not there: which are, and which of them may have been meant. */
export function checkColumns(where: string, wanted: readonly string[], present: readonly string[]): void {
  const missing = wanted.find((name) => columnOf(name, present) === undefined);
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
