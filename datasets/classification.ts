/** @file The task `classification`: texts and their classes, from files or the hub. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { candidateClasses, candidateColumns, candidatesSchema, drawCandidate } from './candidates.js';
import { classesFound, classOf, mostClasses, scalarOf, thresholdSchema } from './classes.js';
import { clean, countBy, type Cleaned } from './clean.js';
import { valueAt } from './columns.js';
import { fetchSource } from './hub.js';
import {
  difficultyOf,
  mistakeInSizes,
  morePlacing,
  mostHeldOut,
  place,
  placingShape,
  withoutStandardSizes,
  type Placeable,
} from './placing.js';
import {
  checkSource,
  fileParameters,
  glanceAtSource,
  moreOfSource,
  ownPools,
  resolveFormat,
  sourceName,
  sourceRows,
  sourceShape,
  type SourceRow,
} from './source.js';
import { bySplit, type Examples, type Files, type TaskDefinition } from './task.js';
import { templateOf, type TextTemplate } from './template.js';

const column = () => z.string().min(1);

export const classificationParameters = z
  .strictObject({
    ...sourceShape,
    text: column().default('text').describe('the column with the text'),
    label: column().default('label').describe('the column with the class'),
    id: column().optional().describe('a column that names each row; by default its number'),
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
    ...placingShape,
    template: z
      .string()
      .min(1)
      .optional()
      .describe('the text as Jinja over columns: "{{ question }} {{ support }}"'),
    paraphrases: z
      .array(z.string().min(1))
      .optional()
      .describe('the text in other words, as Jinja over {{ text }}: for methods that ask more than once'),
    labels: z
      .record(z.string(), z.string().min(1))
      .optional()
      .describe('label in the file → class: { "1": "yes", "0": "no" }'),
    threshold: thresholdSchema.optional().describe('two classes of a label that is a number'),
    candidates: candidatesSchema
      .optional()
      .describe(
        'multiple choice as one candidate answer a row, right or wrong; {{ candidate }} in the template',
      ),
    unlabelled: z
      .enum(['refuse', 'drop'])
      .default('refuse')
      .describe('what becomes of a row without a label: a mistake, or left out and counted'),
    ...morePlacing,
    ...moreOfSource,
  })
  .superRefine((p, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    checkSource(p, fail);
    const sizes = mistakeInSizes(p.splits, ownPools(p));
    if (sizes !== undefined) fail('splits', sizes);
    const twice = p.classes?.find((name, i, all) => all.indexOf(name) !== i);
    if (twice !== undefined) fail('classes', `"${twice}" stands here twice`);
    const readers = (['candidates', 'threshold', 'labels'] as const).filter((name) => p[name] !== undefined);
    if (readers.length > 1)
      fail(readers[1] as string, `${readers.join(' and ')} are ways to say the class: give one`);
    if (p.candidates !== undefined && p.template === undefined)
      fail('candidates', 'the text shows the candidate: say template: with {{ candidate }} in it');
    if (p.candidates?.by === 'name' && p.candidates.names === undefined)
      fail('candidates.by', 'by: name needs names:, the column with the list of names');
    if (p.candidates !== undefined && p.classes !== undefined)
      fail('classes', `with candidates the classes are ${candidateClasses.join(' and ')}`);
    checkTemplates(p, fail);
  });
export type ClassificationParameters = z.output<typeof classificationParameters>;
type Parameters = ClassificationParameters;

function checkTemplates(
  p: Pick<Parameters, 'template' | 'paraphrases' | 'candidates'>,
  fail: (path: string, message: string) => void,
): void {
  const variablesOf = (source: string, path: string): readonly string[] => {
    try {
      return templateOf(source).variables;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      fail(path, error.message);
      return [];
    }
  };
  const variables = p.template === undefined ? [] : variablesOf(p.template, 'template');
  if (p.candidates !== undefined && p.template !== undefined && !variables.includes('candidate'))
    fail('template', 'the text shows the candidate: the template has no {{ candidate }} in it');
  (p.paraphrases ?? []).forEach((source, i) => {
    const strange = variablesOf(source, `paraphrases.${i}`).find((name) => name !== 'text');
    if (strange !== undefined)
      fail(
        `paraphrases.${i}`,
        `a paraphrase knows {{ text }} alone, the finished text, and this one reads ${strange}`,
      );
  });
}

/**
 * Splits are drawn from the seed over different texts (rows with the same trimmed text are one), plainly: drawing them
 * by class would let B's truth shape B. Which text goes where does not depend on the order of the file's rows.
 */
export const classification: TaskDefinition<Parameters> = {
  name: 'classification',
  summary: "Texts of a user's file, each of one class.",
  parameters: classificationParameters,
  answer: 'classes',
  corpusLoss: 'all',
  files: fileParameters,
  fetch: (p) => fetchSource(p),
  resolve: (p) => ({
    ...p,
    format: resolveFormat(p),
    splits: withoutStandardSizes(p.splits, ownPools(p)),
  }),
  glance: (p) => glanceAtSource({ ...p, format: resolveFormat(p) }, columnsOf(p)),
  corpusParameters: withoutParaphrases,
  exampleParameters: (p) => p,
  async corpus(given, seed, files) {
    const { items } = await splitFile(classificationParameters.parse(given), seed, files);
    const texts = [...items.A, ...items.B].map(({ text }) => text);
    return Random.of(seed, 'classification', 'corpus').shuffled(texts);
  },
  examples: async (given, seed, files) => splitFile(classificationParameters.parse(given), seed, files),
  prompt: (item) => item.text,
  hasParaphrases: ({ paraphrases = [] }) => paraphrases.length > 0,
  paraphrases: ({ id, text }, { paraphrases = [] }) =>
    paraphrases.map((source) => templateOf(source).render({ text }, `item ${id}`).trim()),
};

/** The corpus does not depend on how else its texts could be said. */
function withoutParaphrases(p: Parameters): Partial<Parameters> {
  const { paraphrases: _, ...rest } = p;
  return rest;
}

async function splitFile(p: Parameters, seed: number, files: Files | undefined): Promise<Examples> {
  const source = sourceName(p, files);
  const { rows, rowsWithLineBreaks, unlabelled } = await readLabelled(p, seed, files);
  const cleaned = clean(rows, p.conflicting, mostHeldOut);
  const at = p.candidates === undefined ? `${source}, column "${p.label}"` : source;
  const classes =
    p.candidates === undefined
      ? (p.classes ??
        classesFound(
          at,
          cleaned.kept.map(({ label }) => label),
          cleaned.kept.length,
        ))
      : [...candidateClasses];
  checkIds(source, p, cleaned.kept);
  checkListed(at, classes, cleaned.kept);

  const { texts, counts, notes } = place(cleaned.kept, p, { seed, purpose: 'classification', where: source });
  const missing = classesMissing(at, classes, texts);
  return {
    items: bySplit((split) => texts[split].map(({ id, text }) => ({ id, text, choices: classes }))),
    truth: bySplit((split) => texts[split].map(({ id, label }) => ({ id, label: classes.indexOf(label) }))),
    report: {
      task: 'classification',
      seed,
      counts: {
        rows: rows.length + unlabelled,
        ...(p.unlabelled === 'drop' ? { 'rows without a label': unlabelled } : {}),
        'rows with line breaks in the text': rowsWithLineBreaks,
        ...countsOfCleaning(cleaned),
        ...Object.fromEntries(classCounts(cleaned.kept, classes)),
        ...counts,
      },
      notes: [...notesOn(p, cleaned), ...notes, ...missing],
    },
  };
}

/** The columns that rows must have. */
function columnsOf(p: Parameters): string[] {
  const read = p.template === undefined ? [p.text] : templateOf(p.template).variables;
  const label = p.candidates === undefined ? [p.label] : candidateColumns(p.candidates);
  const columns = [...read.filter((name) => p.candidates === undefined || name !== 'candidate'), ...label];
  const others = [p.id, p.difficulty].filter((name) => name !== undefined);
  return [...new Set([...columns, ...others])];
}

async function readLabelled(p: Parameters, seed: number, files: Files | undefined) {
  const rows: Placeable[] = [];
  const template = p.template === undefined ? undefined : templateOf(p.template);
  let rowsWithLineBreaks = 0;
  let unlabelled = 0;
  for await (const row of sourceRows(p, columnsOf(p), files)) {
    if (p.unlabelled === 'drop' && p.candidates === undefined && isNothing(valueAt(row.values, p.label))) {
      unlabelled++;
      continue;
    }
    const { raw, label: drawn } = textAndLabel(row, p, template, seed);
    const text = raw.trim();
    if (/[\r\n]/.test(raw)) rowsWithLineBreaks++;
    // A row without a text is only counted, so its label does not matter.
    const at = `${row.where}, column "${p.label}"`;
    const label = text === '' ? '' : (drawn ?? classOf(valueAt(row.values, p.label), p, at));
    const id = p.id === undefined ? row.id : scalarOf(valueAt(row.values, p.id));
    if (id === undefined) throw new UserError(`${row.where}: the id (column "${p.id}") is empty`);
    const difficulty =
      p.difficulty === undefined
        ? 0
        : difficultyOf(valueAt(row.values, p.difficulty), `${row.where}, column "${p.difficulty}"`);
    rows.push({ id, text, label, pool: row.pool, difficulty });
  }
  return { rows, rowsWithLineBreaks, unlabelled };
}

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

function textAndLabel(row: SourceRow, p: Parameters, template: TextTemplate | undefined, seed: number) {
  if (template === undefined) return { raw: textOf(row, p.text) };
  if (p.candidates === undefined) return { raw: template.render(row.values, row.where) };
  const question = template.render({ ...row.values, candidate: '' }, row.where);
  const { text, label } = drawCandidate(p.candidates, row.values, { seed, question, where: row.where });
  return { raw: template.render({ ...row.values, candidate: text }, row.where), label };
}

function textOf(row: SourceRow, column: string): string {
  const value = valueAt(row.values, column) ?? '';
  if (typeof value === 'string') return value;
  const found = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  throw new UserError(
    `${row.where}, column "${column}": expected a text, found ${found}; ` +
      `name the column with the texts by "text:"`,
  );
}

function checkIds(source: string, p: Parameters, kept: readonly Placeable[]): void {
  if (p.id === undefined) return;
  const seen = new Set<string>();
  for (const { id } of kept) {
    if (seen.has(id)) throw new UserError(`${source}, column "${p.id}": "${id}" names two different texts`);
    seen.add(id);
  }
}

/** A class that the sweep lists and nobody has is a mistake. */
function checkListed(at: string, classes: readonly string[], kept: readonly Placeable[]): void {
  const found = new Set(kept.map(({ label }) => label));
  const empty = classes.find((name) => !found.has(name));
  if (empty === undefined) return;
  throw new UserError(
    `${at}: class "${empty}" is empty: none of the ${kept.length} usable texts has it. ` +
      'Remove it from classes, or correct its name.',
  );
}

/**
 * Nothing can be learnt from A where it has one class alone; where some are missing, the report says so: a supervisor
 * cannot answer with a class that it never saw.
 */
function classesMissing(
  at: string,
  classes: readonly string[],
  texts: Readonly<Record<'A' | 'test', readonly Placeable[]>>,
): string[] {
  return (['A', 'test'] as const).flatMap((split) => {
    const found = new Set(texts[split].map(({ label }) => label));
    const missing = classes.filter((name) => !found.has(name));
    if (split === 'A' && found.size < 2)
      throw new UserError(
        `${at}: after splitting, class "${missing[0]}" is empty in A: its ${texts.A.length} texts all have class ` +
          `"${[...found][0]}", and nothing can be learnt from that. Make A larger (splits: { A: … }), balance the ` +
          'classes (balance: undersample), or take another seed.',
      );
    return missing.length === 0 ? [] : [`Split ${split} has no text of class ${missing.join(', ')}.`];
  });
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

function classCounts(texts: readonly Placeable[], classes: readonly string[]): [string, number][] {
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
