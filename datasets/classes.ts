/** @file The class of a row: a label as it stands, under another name, or a number on one side of a threshold. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';

/** More different labels than this, and the column is more likely free text. */
export const mostClasses = 256;

export const thresholdSchema = z.strictObject({
  at: z.number().describe('numbers from here on belong to the class above'),
  below: z.string().min(1).default('below').describe('the name of the class below'),
  above: z.string().min(1).default('above').describe('the name of the class above'),
});

export interface ClassRules {
  readonly classes?: readonly string[];
  /** Label → class. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly threshold?: z.output<typeof thresholdSchema>;
}

/** The trimmed text of a string, a boolean or a number; undefined where there is none. */
export function scalarOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() || undefined;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
}

/**
 * @param where file, row and column, for messages
 * @throws UserError for a label that is missing, or none of those that the sweep knows
 */
export function classOf(value: unknown, rules: ClassRules, where: string): string {
  const written = scalarOf(value);
  if (written === undefined) {
    const found = value === undefined || value === null || value === '' ? 'nothing' : JSON.stringify(value);
    throw new UserError(`${where}: expected a class, found ${found}; give the row a label or remove it`);
  }
  const { labels, threshold, classes } = rules;
  let label = written;
  if (threshold !== undefined) {
    const number = Number(written);
    if (!Number.isFinite(number))
      throw new UserError(`${where}: expected a number to compare with ${threshold.at}, found "${written}"`);
    label = number >= threshold.at ? threshold.above : threshold.below;
  } else if (labels !== undefined) {
    const mapped = Object.hasOwn(labels, written) ? labels[written] : undefined;
    if (mapped === undefined) {
      const known = Object.keys(labels).join(', ');
      throw new UserError(
        `${where}: "${written}" is none of the labels that the sweep names a class for (${known})`,
      );
    }
    label = mapped;
  }
  if (classes !== undefined && !classes.includes(label))
    throw new UserError(
      `${where}: "${label}" is none of the classes that the sweep lists (${classes.join(', ')})`,
    );
  return label;
}

/** The classes in the data: by value where all are numbers, else by code point. */
export function classesFound(where: string, found: Iterable<string>, texts: number): string[] {
  const classes = [...new Set(found)];
  const counted = `${where}: ${classes.length} different ${classes.length === 1 ? 'label' : 'labels'}`;
  if (classes.length < 2)
    throw new UserError(`${counted} in ${texts} usable texts; a task needs at least 2 classes`);
  if (classes.length > mostClasses)
    throw new UserError(
      `${counted}; at most ${mostClasses} are allowed. Is this the column with the classes?`,
    );
  const numeric = classes.every((name) => Number.isFinite(Number(name)));
  return classes.sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1));
}
