/**
 * @file Multiple choice as a question of two classes: one candidate answer a row, right or wrong at even odds. This is how
 * openai/weak-to-strong and EleutherAI/w2s turn SciQ, CosmosQA and others into classification.
 */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { valueAt } from './columns.js';

/** In this order: class 1 is right. */
export const candidateClasses = ['wrong', 'right'] as const;

const column = () => z.string().min(1);

export const candidatesSchema = z.strictObject({
  answers: z
    .array(column())
    .min(1)
    .describe('the columns with the possible answers: several with a text each, or one with a list of texts'),
  right: column().describe('the column that says which is right'),
  by: z
    .enum(['number', 'text', 'name'])
    .default('number')
    .describe('how it says so: by its number, its text, or its name among names'),
  first: z.int().min(0).max(1).default(0).describe('the number of the first answer'),
  names: column().optional().describe('the column with the list of names of the answers: [A, B, C]'),
  never: z
    .array(z.string())
    .optional()
    .describe('answers that are never shown as the right one: "None of the above choices ."'),
});
export type Candidates = z.output<typeof candidatesSchema>;

/** The columns that it reads. */
export function candidateColumns({ answers, right, names }: Candidates): string[] {
  return [...answers, right, ...(names === undefined ? [] : [names])];
}

export interface Candidate {
  readonly text: string;
  readonly label: (typeof candidateClasses)[number];
}

/**
 * The answer to show. The draw depends on seed and row alone, not on where the row stands: rows that are the same show
 * the same candidate.
 *
 * @param question what is asked, for the draw: rows with the same answers to other questions draw anew
 * @throws UserError where the row does not have answers, or does not say which is right
 */
export function drawCandidate(
  p: Candidates,
  values: Readonly<Record<string, unknown>>,
  { seed, question, where }: { seed: number; question: string; where: string },
): Candidate {
  const answers = p.answers.flatMap((name) => textsOf(valueAt(values, name), name, where));
  const right = answers[rightOf(p, values, answers, where)] as string;
  const wrong = answers.filter((answer) => answer !== right);
  const random = Random.of(seed, 'candidate', JSON.stringify([question, right, wrong]));
  const showRight = random.uniform() < 0.5;
  if (wrong.length === 0 || (showRight && p.never?.includes(right) !== true)) {
    if (p.never?.includes(right) !== true) return { text: right, label: 'right' };
    throw new UserError(
      `${where}: "${right}" is never shown as right, and there is no wrong answer to show instead`,
    );
  }
  return { text: wrong[random.integer(wrong.length)] as string, label: 'wrong' };
}

function textsOf(value: unknown, column: string, where: string): string[] {
  const texts = Array.isArray(value) ? (value as unknown[]) : [value];
  if (texts.length > 0 && texts.every((text) => typeof text === 'string' && text.trim() !== ''))
    return (texts as string[]).map((text) => text.trim());
  throw new UserError(
    `${where}, column "${column}": expected an answer or a list of answers, found ${JSON.stringify(value ?? null)}`,
  );
}

/** @returns an index into the answers */
function rightOf(
  p: Candidates,
  values: Readonly<Record<string, unknown>>,
  answers: readonly string[],
  where: string,
): number {
  const value = valueAt(values, p.right);
  const written = typeof value === 'string' ? value.trim() : value;
  const fail = (expected: string): never => {
    throw new UserError(
      `${where}, column "${p.right}": expected ${expected}, found ${typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null)}`,
    );
  };
  if (p.by === 'text') {
    const index = answers.findIndex((answer) => answer === written);
    return index >= 0 ? index : fail(`one of the answers (${answers.join(' | ')})`);
  }
  if (p.by === 'name') {
    const names = valueAt(values, p.names ?? '');
    if (!Array.isArray(names) || names.length !== answers.length)
      throw new UserError(
        `${where}, column "${p.names}": expected the names of the ${answers.length} answers, found ${JSON.stringify(names ?? null)}`,
      );
    const index = names.indexOf(written);
    return index >= 0 ? index : fail(`one of the names (${names.join(', ')})`);
  }
  const index = written === '' || written === null || written === undefined ? NaN : Number(written) - p.first;
  if (Number.isInteger(index) && index >= 0 && index < answers.length) return index;
  return fail(`a number from ${p.first} to ${answers.length - 1 + p.first}`);
}
