/** @file Rows of a JSON Lines file: one JSON object a line. */
import { messageOf, UserError } from '../base/errors.js';
import { checkColumns, type Row } from './columns.js';
import { textBlocks } from './text.js';

/** Throws a UserError that names the line which is not a JSON object with these columns. Blank lines are skipped. */
export async function* jsonlRows(path: string, columns: readonly string[]): AsyncGenerator<Row> {
  let line = 0;
  let number = 0;
  for await (const block of textBlocks(path)) {
    const lines = block.split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const text of lines) {
      line++;
      if (text.trim() === '') continue;
      const place = `line ${line}`;
      const values = objectOf(path, place, text);
      checkColumns(`${path}, ${place}`, columns, Object.keys(values));
      yield { number: ++number, place, values };
    }
  }
  if (number === 0) throw new UserError(`${path} has no rows; expected one JSON object a line`);
}

function objectOf(path: string, place: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}, ${place}: not JSON (${messageOf(error)}); expected one object a line`, {
      cause: error,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UserError(`${path}, ${place}: expected a JSON object, found ${text.trim().slice(0, 40)}`);
}
