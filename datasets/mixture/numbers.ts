/** @file Numbers in words: vectors and answers in decimal, with every digit it takes to read the same double again. */
import { UserError } from '../../base/errors.js';

export function textOf(vector: readonly number[]): string {
  return vector.map(String).join(' ');
}

/** Throws a UserError for anything but `dimension` numbers with white space between them. */
export function vectorOf(text: string, dimension: number): number[] {
  const vector = text.trim().split(/\s+/).map(numberOf);
  if (vector.length === dimension) return vector;
  throw new UserError(
    `the question "${shortened(text)}" has ${vector.length} numbers, and the model expects ${dimension}. ` +
      'A model of architecture mixture answers questions of the task gaussian-mixture that it was pretrained for.',
  );
}

/** Throws a UserError for what is no finite number. */
export function numberOf(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new UserError(
    `"${shortened(text)}" is not a number. A task of numbers expects a finite number in decimal as an answer.`,
  );
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
