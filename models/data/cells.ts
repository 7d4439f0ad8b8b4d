/** @file Values of a file's cells: lists of numbers, texts, conversations. CSV cells hold lists as JSON. */
import { messageOf } from '../../base/errors.js';
import type { ChatMessage } from '../huggingface/chat-template.js';
import { ignoredLabel } from './example.js';

/** A cell that does not hold what its column should; the reader adds file and row. */
export class CellError extends Error {
  override readonly name = 'CellError';
}

/** Whether a cell holds anything: Parquet has nulls, CSV empty texts. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** Whole numbers that fit 32 bits. Accepts arrays, Parquet's bigints, booleans as 0 and 1, and JSON in a text. */
export function integers(column: string, value: unknown): Int32Array {
  const items = list(column, value);
  const result = new Int32Array(items.length);
  items.forEach((item, i) => {
    const number = numberOf(item);
    if (number === undefined || (number | 0) !== number) {
      throw new CellError(`${column}[${i}] is ${shown(item)}; expected a whole number`);
    }
    result[i] = number;
  });
  return result;
}

export function floats(column: string, value: unknown): Float32Array {
  return Float32Array.from(list(column, value), (item, i) => {
    const number = numberOf(item);
    if (number === undefined || !Number.isFinite(number)) {
      throw new CellError(`${column}[${i}] is ${shown(item)}; expected a number`);
    }
    return number;
  });
}

export function text(column: string, value: unknown): string {
  if (typeof value !== 'string') throw new CellError(`${column} is ${shown(value)}; expected a text`);
  if (value.trim() === '') throw new CellError(`${column} is empty`);
  return value;
}

/** A finite number, given as one or as its text. */
export function number(column: string, value: unknown): number {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : numberOf(value);
  if (found !== undefined && Number.isFinite(found)) return found;
  throw new CellError(`${column} is ${shown(value)}; expected a number`);
}

/**
 * A class by number or by name; −100: the row is not in the loss.
 * @param names of the classes, in order, as config.json's id2label has them
 */
export function classOf(
  column: string,
  value: unknown,
  classes: number,
  names: readonly string[] = [],
): number {
  const single = Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : value;
  const named = typeof single === 'string' ? names.indexOf(single) : -1;
  if (named >= 0) return named;
  const found = typeof single === 'string' && single.trim() !== '' ? Number(single) : numberOf(single);
  if (found === ignoredLabel) return found;
  if (found !== undefined && Number.isInteger(found) && found >= 0 && found < classes) return found;
  throw new CellError(
    `${column} is ${shown(value)}; the model has ${classes} classes: expected 0 to ${classes - 1}` +
      (names.length > 0 && names.length <= 20
        ? ` or ${names.map((name) => JSON.stringify(name)).join(', ')}`
        : ''),
  );
}

/** A conversation: a list of { role, content, … }. */
export function messages(column: string, value: unknown): ChatMessage[] {
  const items = list(column, value);
  if (items.length === 0) throw new CellError(`${column} is empty`);
  return items.map((item, i) => {
    const role = typeof item === 'object' && item !== null ? (item as Partial<ChatMessage>).role : undefined;
    if (typeof role !== 'string') {
      throw new CellError(`${column}[${i}] is ${shown(item)}; expected {"role": …, "content": …}`);
    }
    return item as ChatMessage;
  });
}

function list(column: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Int32Array);
  if (typeof value !== 'string') throw new CellError(`${column} is ${shown(value)}; expected a list`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    throw new CellError(`${column} is ${shown(value)}; expected a list as JSON (${messageOf(error)})`);
  }
  if (Array.isArray(parsed)) return parsed as unknown[];
  throw new CellError(`${column} is ${shown(value)}; expected a list`);
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  return undefined;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'missing';
  const json = typeof value === 'bigint' ? String(value) : (JSON.stringify(value, bigints) ?? typeof value);
  return json.length <= 60 ? json : `${json.slice(0, 57)}…`;
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
