/** @file The task `question-answer`: questions with an answer in words, from files or the hub, and others' answers beside. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { graders } from '../metrics/graders/registry.js';
import { scalarOf } from './classes.js';
import { clean, type Cleaned } from './clean.js';
import { valueAt } from './columns.js';
import { fetchSource } from './hub.js';
import { difficultyOf, mistakeInSizes, morePlacing, mostHeldOut, place, placingShape } from './placing.js';
import { withoutStandardSizes, type Placeable } from './placing.js';
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
import { bySplit, type Examples, type Files, type Label, type TaskDefinition } from './task.js';
import { templateOf } from './template.js';

const column = () => z.string().min(1);

export const questionAnswerParameters = z
  .strictObject({
    ...sourceShape,
    question: column().default('question').describe('the column with the question'),
    answer: column().default('answer').describe('the column with the right answer'),
    id: column().optional().describe('a column that names each row; by default its number'),
    given: z
      .record(z.string().min(1), column())
      .optional()
      .describe(
        "columns with others' answers, by the name under which a model of the sweep may stand for them: " +
          '{ 6b: "6b_finetuning.solution" }',
      ),
    grader: z
      .enum(Object.keys(graders) as [string, ...string[]])
      .default('exact')
      .describe('when an answer counts as right'),
    conflicting: z
      .enum(['drop', 'majority'])
      .default('drop')
      .describe('what becomes of a question that stands in the file with different answers'),
    ...placingShape,
    template: z.string().min(1).optional().describe('the question as Jinja over columns'),
    paraphrases: z
      .array(z.string().min(1))
      .optional()
      .describe('the question in other words, as Jinja over {{ text }}: for methods that ask more than once'),
    ...morePlacing,
    ...moreOfSource,
  })
  .superRefine((p, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    checkSource(p, fail);
    const sizes = mistakeInSizes(p.splits, ownPools(p));
    if (sizes !== undefined) fail('splits', sizes);
    const templates = [
      ...(p.template === undefined ? [] : [['template', p.template] as const]),
      ...(p.paraphrases ?? []).map((source, i) => [`paraphrases.${i}`, source] as const),
    ];
    for (const [path, source] of templates) {
      try {
        const { variables } = templateOf(source);
        const strange = path === 'template' ? undefined : variables.find((name) => name !== 'text');
        if (strange !== undefined)
          fail(
            path,
            `a paraphrase knows {{ text }} alone, the finished question, and this one reads ${strange}`,
          );
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        fail(path, error.message);
      }
    }
  });
type Parameters = z.output<typeof questionAnswerParameters>;

/**
 * Splits are drawn from the seed over different questions; which question goes where does not depend on the order of the
 * rows. Answers that stand in the data become labels of who gave them, so that a supervisor needs no model.
 */
export const questionAnswer: TaskDefinition<Parameters> = {
  name: 'question-answer',
  summary: 'Questions answered in words, which a grader compares with the right answer.',
  parameters: questionAnswerParameters,
  answer: 'text',
  corpusLoss: 'all',
  files: fileParameters,
  answerTokens: 256,
  answerStops: ['Question:'],
  fetch: (p) => fetchSource(p),
  resolve: (p) => ({
    ...p,
    format: resolveFormat(p),
    splits: withoutStandardSizes(p.splits, ownPools(p)),
  }),
  glance: (p) => glanceAtSource({ ...p, format: resolveFormat(p) }, columnsOf(p)),
  corpusParameters: forCorpus,
  exampleParameters: ({ grader: _, ...rest }) => rest,
  gradeParameters: ({ grader }) => ({ grader }),
  async corpus(given, seed, files) {
    const { items } = await splitQuestions(questionAnswerParameters.parse(given), seed, files);
    const texts = [...items.A, ...items.B].map(({ text }) => text);
    return Random.of(seed, 'question-answer', 'corpus').shuffled(texts);
  },
  examples: async (given, seed, files) => splitQuestions(questionAnswerParameters.parse(given), seed, files),
  prompt: ({ text }, examples) =>
    [...examples.map((example) => `${asked(example.text)} ${example.answer}`), asked(text)].join('\n\n'),
  grade: (answer, truth, _item, { grader = 'exact' }) => graderNamed(grader).grade(answer, truth),
  hasParaphrases: ({ paraphrases = [] }) => paraphrases.length > 0,
  paraphrases: ({ id, text }, { paraphrases = [] }) =>
    paraphrases.map((source) => templateOf(source).render({ text }, `item ${id}`).trim()),
};

const asked = (question: string): string => `Question: ${question}\nAnswer:`;

function graderNamed(name: string) {
  const grader = graders[name];
  if (grader === undefined) throw new RangeError(`there is no grader ${name}`);
  return grader;
}

/** The corpus is questions: neither how they are graded nor what anyone answered is in it. */
function forCorpus({ grader: _, paraphrases: __, given: ___, ...rest }: Parameters): Partial<Parameters> {
  return rest;
}

interface Asked extends Placeable {
  /** Who → what. */
  readonly given: Readonly<Record<string, string>>;
}

async function splitQuestions(p: Parameters, seed: number, files: Files | undefined): Promise<Examples> {
  const source = sourceName(p, files);
  const rows = await readQuestions(p, files);
  const cleaned = clean(rows, p.conflicting, mostHeldOut);
  checkIds(source, p, cleaned.kept);
  if (cleaned.kept.length === 0)
    throw new UserError(`${source}: none of its ${rows.length} rows has a question to ask`);
  const { texts, counts, notes } = place(cleaned.kept, p, {
    seed,
    purpose: 'question-answer',
    where: source,
  });
  const { 'left out by balance': _, ...sizes } = counts;
  const names = Object.keys(p.given ?? {});
  const labels = (name: string) => bySplit((split) => texts[split].flatMap((row) => labelOf(row, name)));
  return {
    items: bySplit((split) => texts[split].map(({ id, text }) => ({ id, text, choices: [] }))),
    truth: bySplit((split) => texts[split].map(({ id, label }) => ({ id, label: 0, answer: label }))),
    ...(names.length === 0 ? {} : { given: Object.fromEntries(names.map((name) => [name, labels(name)])) }),
    report: {
      task: 'question-answer',
      seed,
      counts: { rows: rows.length, ...countsOf(cleaned), ...sizes },
      notes: ['Questions that are equal after trimming count once, and stand in one split only.', ...notes],
    },
  };
}

/** Who gave no answer abstains. */
function labelOf({ id, given }: Asked, name: string): Label[] {
  const answer = given[name];
  return answer === undefined ? [] : [{ id, label: 0, probabilities: [], answer }];
}

/** The columns that rows must have. */
function columnsOf(p: Parameters): string[] {
  const question = p.template === undefined ? [p.question] : templateOf(p.template).variables;
  const others = [p.id, p.difficulty, ...Object.values(p.given ?? {})].filter((name) => name !== undefined);
  return [...new Set([...question, p.answer, ...others])];
}

async function readQuestions(p: Parameters, files: Files | undefined): Promise<Asked[]> {
  const rows: Asked[] = [];
  const template = p.template === undefined ? undefined : templateOf(p.template);
  for await (const row of sourceRows(p, columnsOf(p), files)) {
    const text = (template?.render(row.values, row.where) ?? textOf(row, p.question) ?? '').trim();
    // A row without a question is only counted.
    const label = text === '' ? '' : (textOf(row, p.answer) ?? '');
    if (text !== '' && label === '')
      throw new UserError(
        `${row.where}, column "${p.answer}": expected an answer, found nothing; give one or remove the row`,
      );
    const id = p.id === undefined ? row.id : scalarOf(valueAt(row.values, p.id));
    if (id === undefined) throw new UserError(`${row.where}: the id (column "${p.id}") is empty`);
    const given: Record<string, string> = {};
    for (const [name, column] of Object.entries(p.given ?? {})) {
      const answer = textOf(row, column);
      if (answer !== undefined) given[name] = answer;
    }
    const difficulty =
      p.difficulty === undefined
        ? 0
        : difficultyOf(valueAt(row.values, p.difficulty), `${row.where}, column "${p.difficulty}"`);
    rows.push({ id, text, label, given, pool: row.pool, difficulty });
  }
  return rows;
}

/** A text or a number, trimmed; undefined where there is none. */
function textOf(row: SourceRow, column: string): string | undefined {
  const value = valueAt(row.values, column);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'boolean' || (typeof value === 'object' && value !== null))
    throw new UserError(
      `${row.where}, column "${column}": expected a text or a number, found ${JSON.stringify(value)}`,
    );
  return scalarOf(value);
}

function countsOf(cleaned: Cleaned): Record<string, number> {
  return {
    'empty questions': cleaned.emptyTexts,
    'unique questions': cleaned.uniqueTexts,
    'duplicate rows': cleaned.duplicateRows,
    'questions in conflict': cleaned.textsInConflict,
    'rows in conflict': cleaned.rowsInConflict,
    'kept questions': cleaned.kept.length,
  };
}

function checkIds(source: string, p: Parameters, kept: readonly Asked[]): void {
  if (p.id === undefined) return;
  const seen = new Set<string>();
  for (const { id } of kept) {
    if (seen.has(id))
      throw new UserError(`${source}, column "${p.id}": "${id}" names two different questions`);
    seen.add(id);
  }
}
