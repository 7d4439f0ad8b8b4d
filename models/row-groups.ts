/** @file Which rows run together, so that what comes out for a row depends on that row alone, to the last bit. */
import type { GptConfig } from './gpt.js';

/**
 * Every run of ONNX Runtime is of so many rows or more, and of a number and a length that depend on the model and the
 * row alone, filled up where rows are missing: so a row's result does not depend, to the last bit, on the rows around
 * it. There are as many tokens as the widest layer has outputs, so that it does not depend on the number of threads
 * either (see `dependsOnThreads` in onnx/operators/linalg.ts).
 */
const fewestRows = 32;

/** Rows in each run of sequences of `length`; `outputs`: of a head that reads one token a row. */
export function rowsInARun({ width }: GptConfig, length: number, outputs = 0): number {
  return Math.max(fewestRows, outputs, Math.ceil((4 * width) / length));
}

export interface RowGroup {
  readonly length: number;
  /** Those filled up included. */
  readonly rows: number;
  readonly indices: number[];
}

/**
 * Rows that run together: of one padded length and one kind, at most `rows(length)` of them.
 *
 * @param kindOf rows of different kinds never run together
 */
export function groupRows<Row extends { readonly tokens: readonly number[] }>(
  rows: readonly Row[],
  context: number,
  rowsOf: (length: number) => number,
  kindOf: (row: Row) => number = () => 0,
): RowGroup[] {
  const kinds = new Map<string, RowGroup>();
  const groups: RowGroup[] = [];
  rows.forEach((row, index) => {
    const length = paddedLength(row.tokens.length, context, index);
    const key = `${length} ${kindOf(row)}`;
    let group = kinds.get(key);
    if (group === undefined || group.indices.length === group.rows) {
      group = { length, rows: rowsOf(length), indices: [] };
      kinds.set(key, group);
      groups.push(group);
    }
    group.indices.push(index);
  });
  return groups;
}

/** Token ids of a group's rows [rows, length], padded on the right, and below with empty rows. */
export function groupTokens(
  rows: readonly { readonly tokens: readonly number[] }[],
  { indices, length, rows: count }: RowGroup,
): Int32Array {
  const tokens = new Int32Array(count * length);
  indices.forEach((index, i) => tokens.set(rows[index]?.tokens ?? [], i * length));
  return tokens;
}

/** The next power of two, or the context: few shapes, and one that the row alone decides. */
function paddedLength(length: number, context: number, index: number): number {
  if (length === 0 || length > context) {
    throw new RangeError(`row ${index} has ${length} tokens: 1 to ${context} fit into the model's context`);
  }
  return Math.min(context, 2 ** Math.ceil(Math.log2(length)));
}
