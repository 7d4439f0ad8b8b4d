/** @file The task `classification`: texts and their classes from a CSV, TSV, JSONL or Parquet file. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { filePath } from '../spec/fields.js';
import { clean, countBy, type Cleaned, type LabelledText } from './clean.js';
import type { Row } from './columns.js';
import { formatOf, formats, readRows } from './rows.js';
import { splitCounts } from './split.js';
import { bySplit, locate, splits, type Examples, type Files, type TaskDefinition } from './task.js';

/** More different labels than this, and the column is more likely free text. */
const mostClasses = 256;

const size = z
  .number()
  .min(0)
  .refine((x) => x < 1 || Number.isInteger(x), 'expected a share below 1 or a whole number');
const someSize = size.refine((x) => x > 0, 'this split cannot be empty');

const parameters = z
  .strictObject({
    file: filePath().describe('the file: CSV or TSV with a header, JSON Lines, or Parquet'),
    format: z.enum(formats).optional().describe("the file's format; by default its extension tells"),
    text: z.string().min(1).default('text').describe('the column with the text'),
    label: z.string().min(1).default('label').describe('the column with the class'),
    id: z.string().min(1).optional().describe('a column that names each row; by default its number'),
    classes: z
      .array(z.string())
      .min(2)
      .max(mostClasses)
      .optional()
      .describe('the classes in order; by default those in the file, sorted'),
    conflicting: z
      .enum(['drop', 'majority'])
      .default('drop')
      .describe('what becomes of a text that stands in the file with different labels'),
    balance: z
      .enum(['none', 'undersample'])
      .default('none')
      .describe('undersample: as many texts of each class as the rarest has'),
    limit: z.int().min(4).optional().describe('at most this many texts, drawn from the seed; for small runs'),
    splits: z
      .strictObject({
        A: someSize.default(0.3),
        B: someSize.default(0.4),
        validation: size.default(0.1),
        test: someSize.default(0.2),
      })
      .prefault({})
      .describe('below 1: a share of the texts; from 1: a number of texts'),
  })
  .superRefine((p, context) => {
    const shares = splits.reduce((sum, split) => sum + (p.splits[split] < 1 ? p.splits[split] : 0), 0);
    if (shares > 1 + 1e-9) {
      const message = `the shares add up to ${Number(shares.toFixed(6))}, which is more than 1`;
      context.addIssue({ code: 'custom', path: ['splits'], message });
    }
    const twice = p.classes?.find((name, i, all) => all.indexOf(name) !== i);
    if (twice !== undefined) {
      context.addIssue({ code: 'custom', path: ['classes'], message: `"${twice}" stands here twice` });
    }
  });
type Parameters = z.output<typeof parameters>;

/**
 * Splits are drawn from the seed over different texts (rows with the same trimmed text are one), plainly: drawing them
 * by class would let B's truth shape B. Which text goes where does not depend on the order of the file's rows.
 */
export const classification: TaskDefinition<Parameters> = {
  name: 'classification',
  summary: "Texts of a user's file, each of one class.",
  parameters,
  answer: 'classes',
  corpusLoss: 'all',
  files: ['file'],
  resolve: (p) => ({ ...p, format: p.format ?? formatOf(p.file) }),
  async glance(p) {
    // The first row says whether the columns are there, and is where a file of another format fails.
    const rows = readRows(p.file, p.format ?? formatOf(p.file), columnsOf(p));
    await rows.next();
    await rows.return(undefined);
  },
  corpusParameters: (p) => p,
  exampleParameters: (p) => p,
  async corpus(given, seed, files) {
    const { items } = await splitFile(parameters.parse(given), seed, files);
    const texts = [...items.A, ...items.B].map(({ text }) => text);
    return Random.of(seed, 'classification', 'corpus').shuffled(texts);
  },
  examples: async (given, seed, files) => splitFile(parameters.parse(given), seed, files),
  prompt: (item) => item.text,
};

async function splitFile(p: Parameters, seed: number, files: Files | undefined): Promise<Examples> {
  const path = locate(p.file, files);
  const { rows, rowsWithLineBreaks } = await readLabelled(path, p);
  const cleaned = clean(rows, p.conflicting);
  const classes = p.classes ?? classesOf(path, p.label, cleaned.kept);
  checkIds(path, p, cleaned.kept);

  const shuffled = Random.of(seed, 'classification', 'split').shuffled(cleaned.kept);
  const balanced = p.balance === 'undersample' ? undersampled(shuffled, classes) : shuffled;
  const used = balanced.slice(0, p.limit);
  const counts = countsOf(path, used.length, p);
  let start = 0;
  const texts = bySplit((split) => used.slice(start, (start += counts[split])));
  return {
    items: bySplit((split) => texts[split].map(({ id, text }) => ({ id, text, choices: classes }))),
    truth: bySplit((split) => texts[split].map(({ id, label }) => ({ id, label: classes.indexOf(label) }))),
    report: {
      task: 'classification',
      seed,
      counts: {
        rows: rows.length,
        'rows with line breaks in the text': rowsWithLineBreaks,
        ...countsOfCleaning(cleaned),
        ...Object.fromEntries(classCounts(cleaned.kept, classes)),
        'left out by balance': shuffled.length - balanced.length,
        'left out by limit': balanced.length - used.length,
        ...counts,
        'in no split': used.length - start,
      },
      notes: notesOn(p, cleaned),
    },
  };
}

const columnsOf = (p: Parameters): string[] => [p.text, p.label, ...(p.id === undefined ? [] : [p.id])];

async function readLabelled(path: string, p: Parameters) {
  const rows: LabelledText[] = [];
  let rowsWithLineBreaks = 0;
  for await (const row of readRows(path, p.format ?? formatOf(path), columnsOf(p))) {
    const raw = textOf(path, row, p.text);
    const text = raw.trim();
    if (/[\r\n]/.test(raw)) rowsWithLineBreaks++;
    // A row without a text is only counted, so its label does not matter.
    const label = text === '' ? '' : labelOf(path, row, p);
    const id = p.id === undefined ? `row-${row.number}` : scalarOf(row.values[p.id]);
    if (id === undefined) throw new UserError(`${path}, ${row.place}: the id (column "${p.id}") is empty`);
    rows.push({ id, text, label });
  }
  return { rows, rowsWithLineBreaks };
}

function textOf(path: string, row: Row, column: string): string {
  const value = row.values[column] ?? '';
  if (typeof value === 'string') return value;
  throw new UserError(
    `${path}, ${row.place}, column "${column}": expected a text, found ${JSON.stringify(value)}; ` +
      `name the column with the texts by "text:"`,
  );
}

function labelOf(path: string, row: Row, p: Parameters): string {
  const value = row.values[p.label];
  const label = scalarOf(value);
  const where = `${path}, ${row.place}, column "${p.label}"`;
  if (label === undefined) {
    const found = value === undefined || value === null || value === '' ? 'nothing' : JSON.stringify(value);
    throw new UserError(`${where}: expected a class, found ${found}; give the row a label or remove it`);
  }
  if (p.classes !== undefined && !p.classes.includes(label)) {
    throw new UserError(
      `${where}: "${label}" is none of the classes that the sweep lists (${p.classes.join(', ')})`,
    );
  }
  return label;
}

/** The trimmed text of a string, a boolean or a number; undefined where there is none. */
function scalarOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() || undefined;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
}

/** The classes in the file: by value where all are numbers, else by code point. */
function classesOf(path: string, column: string, kept: readonly LabelledText[]): string[] {
  const classes = [...new Set(kept.map(({ label }) => label))];
  const found = `${path}, column "${column}": ${classes.length} different ${classes.length === 1 ? 'label' : 'labels'}`;
  if (classes.length < 2)
    throw new UserError(`${found} in ${kept.length} usable texts; a task needs at least 2 classes`);
  if (classes.length > mostClasses) {
    throw new UserError(`${found}; at most ${mostClasses} are allowed. Is this the column with the classes?`);
  }
  const numeric = classes.every((name) => Number.isFinite(Number(name)));
  return classes.sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1));
}

function checkIds(path: string, p: Parameters, kept: readonly LabelledText[]): void {
  if (p.id === undefined) return;
  const seen = new Set<string>();
  for (const { id } of kept) {
    if (seen.has(id)) throw new UserError(`${path}, column "${p.id}": "${id}" names two different texts`);
    seen.add(id);
  }
}

function undersampled(texts: readonly LabelledText[], classes: readonly string[]): LabelledText[] {
  const counts = countBy(texts.map(({ label }) => label));
  const least = Math.min(...classes.map((name) => counts.get(name) ?? 0));
  const taken = new Map<string, number>();
  return texts.filter(({ label }) => {
    const before = taken.get(label) ?? 0;
    taken.set(label, before + 1);
    return before < least;
  });
}

function countsOf(path: string, total: number, p: Parameters) {
  try {
    return splitCounts(total, p.splits);
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

function countsOfCleaning(cleaned: Cleaned): Record<string, number> {
  return {
    'empty texts': cleaned.emptyTexts,
    'unique texts': cleaned.uniqueTexts,
    'duplicate rows': cleaned.duplicateRows,
    'texts in conflict': cleaned.textsInConflict,
    'rows in conflict': cleaned.rowsInConflict,
    'kept texts': cleaned.kept.length,
  };
}

function classCounts(texts: readonly LabelledText[], classes: readonly string[]): [string, number][] {
  const counts = countBy(texts.map(({ label }) => label));
  return classes.map((name) => [`class ${name}`, counts.get(name) ?? 0]);
}

function notesOn(p: Parameters, cleaned: Cleaned): string[] {
  const conflicts =
    p.conflicting === 'drop'
      ? 'Texts whose rows disagree on the label were left out.'
      : 'Texts whose rows disagree on the label got the majority label; ties were left out.';
  return [
    'Texts that are equal after trimming count once, and stand in one split only.',
    ...(cleaned.textsInConflict > 0 ? [conflicts] : []),
  ];
}
