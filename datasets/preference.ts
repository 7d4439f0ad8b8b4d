/** @file The task `preference`: pairs of responses to a prompt of which one is better, from files or the hub. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { Random } from '../base/random.js';
import { scalarOf } from './classes.js';
import { valueAt } from './columns.js';
import { hasFurtherTurns, partConversations } from './conversation.js';
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
import { bySplit, type Examples, type Files, type Item, type TaskDefinition, type Truth } from './task.js';
import { templateOf } from './template.js';

const column = () => z.string().min(1);

const betterSchema = z.strictObject({
  column: column().describe('the column that says which of the responses is better'),
  first: z.string().default('0').describe('what it says where the first is'),
  second: z.string().default('1').describe('what it says where the second is'),
  ties: z.array(z.string()).optional().describe('what it says where neither is: such rows are left out'),
});

export const preferenceParameters = z
  .strictObject({
    ...sourceShape,
    chosen: column().default('chosen').describe('the column with the better response, or conversation'),
    rejected: column().default('rejected').describe('the column with the worse one'),
    prompt: column()
      .optional()
      .describe('the column with the prompt; by default it is what two conversations share'),
    id: column().optional().describe('a column that names each row; by default its number'),
    ...placingShape,
    template: z
      .string()
      .min(1)
      .optional()
      .describe('the prompt as Jinja over columns; responses are put right behind it'),
    turn: z
      .string()
      .min(1)
      .default('\n\nAssistant:')
      .describe('what opens an answer in a conversation: the prompt ends with the last one that both share'),
    responses: z
      .array(column())
      .length(2)
      .optional()
      .describe(
        'instead of chosen and rejected: the columns with two responses, of which better says which is',
      ),
    better: betterSchema.optional().describe('which of the responses is better'),
    ...morePlacing,
    ...moreOfSource,
  })
  .superRefine((p, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    checkSource(p, fail);
    const sizes = mistakeInSizes(p.splits, ownPools(p));
    if (sizes !== undefined) fail('splits', sizes);
    if ((p.responses === undefined) !== (p.better === undefined))
      fail(p.better === undefined ? 'responses' : 'better', 'responses and better need each other');
    if (p.prompt !== undefined && p.template !== undefined)
      fail('template', 'prompt names the column with the prompt, and template makes one: give one of them');
    if (p.template === undefined) return;
    try {
      templateOf(p.template);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      fail('template', error.message);
    }
  });
type Parameters = z.output<typeof preferenceParameters>;

/**
 * An item's text is the prompt, and its choices are the two responses, to be put right behind it. Which of them is the
 * better one is drawn for each pair from the seed and the pair, so that the position tells nothing. A prompt stands once,
 * with one pair.
 */
export const preference: TaskDefinition<Parameters> = {
  name: 'preference',
  summary: 'Pairs of responses to a prompt, of which one is better.',
  parameters: preferenceParameters,
  answer: 'preference',
  corpusLoss: 'all',
  files: fileParameters,
  fetch: (p) => fetchSource(p),
  resolve: (p) => ({
    ...p,
    format: resolveFormat(p),
    splits: withoutStandardSizes(p.splits, ownPools(p)),
  }),
  glance: (p) => glanceAtSource({ ...p, format: resolveFormat(p) }, columnsOf(p)),
  corpusParameters: (p) => p,
  exampleParameters: (p) => p,
  async corpus(given, seed, files) {
    const { items } = await splitPairs(preferenceParameters.parse(given), seed, files);
    const texts = [...items.A, ...items.B].flatMap(({ text, choices }) =>
      choices.map((choice) => text + choice),
    );
    return Random.of(seed, 'preference', 'corpus').shuffled(texts);
  },
  examples: async (given, seed, files) => splitPairs(preferenceParameters.parse(given), seed, files),
  prompt: (item) => item.text,
};

/** A row that can be learnt from. `text` is the prompt; `label` is not used. */
interface Pair extends Placeable {
  readonly better: string;
  readonly worse: string;
}

async function splitPairs(p: Parameters, seed: number, files: Files | undefined): Promise<Examples> {
  const source = sourceName(p, files);
  const { pairs, counts: read } = await readPairs(p, files);
  const { kept, counts: settled } = onePairEach(pairs);
  checkIds(source, p, kept);
  if (kept.length === 0)
    throw new UserError(
      `${source}: none of its ${read.rows} rows is a pair to learn from (${told({ ...read, ...settled })})`,
    );
  const { texts, counts, notes } = place(kept, p, { seed, purpose: 'preference', where: source });
  const placed = bySplit((split) => texts[split].map((pair) => inDrawnOrder(pair, seed)));
  const { 'left out by balance': _, ...sizes } = counts;
  return {
    items: bySplit((split) => placed[split].map(({ item }) => item)),
    truth: bySplit((split) => placed[split].map(({ truth }) => truth)),
    report: {
      task: 'preference',
      seed,
      counts: { ...read, ...settled, 'kept prompts': kept.length, ...sizes },
      notes: ['A prompt counts once, with one pair, and stands in one split only.', ...notes],
    },
  };
}

const told = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${what}: ${count}`)
    .join(', ');

/** Order by order, the same pair in whatever file: the draw depends on what stands in it. */
function inDrawnOrder({ id, text, better, worse }: Pair, seed: number): { item: Item; truth: Truth } {
  const [first = '', second = ''] = [better, worse].sort();
  const swapped =
    Random.of(seed, 'preference', 'order', JSON.stringify([text, first, second])).uniform() < 0.5;
  const choices = swapped ? [second, first] : [first, second];
  return { item: { id, text, choices }, truth: { id, label: choices.indexOf(better) } };
}

/** The columns that rows must have. */
function columnsOf(p: Parameters): string[] {
  const answers =
    p.responses === undefined || p.better === undefined
      ? [p.chosen, p.rejected]
      : [...p.responses, p.better.column];
  const prompt = p.template === undefined ? [] : templateOf(p.template).variables;
  const others = [p.prompt, p.id, p.difficulty].filter((name) => name !== undefined);
  return [...new Set([...answers, ...prompt, ...others])];
}

async function readPairs(p: Parameters, files: Files | undefined) {
  const pairs: Pair[] = [];
  const counts = {
    rows: 0,
    'rows that prefer neither': 0,
    'rows with an empty response': 0,
    'rows with equal responses': 0,
    'rows that part before the last answer': 0,
  };
  const promptOf = promptReader(p);
  for await (const row of sourceRows(p, columnsOf(p), files)) {
    counts.rows++;
    const ordered = betterAndWorse(row, p);
    if (ordered === undefined) {
      counts['rows that prefer neither']++;
      continue;
    }
    const { prompt, responses } = promptOf(row, ordered);
    const [better, worse] = responses.map((response) => response.trimEnd()) as [string, string];
    if (better.trim() === '' || worse.trim() === '') counts['rows with an empty response']++;
    else if (better.trim() === worse.trim()) counts['rows with equal responses']++;
    else if (p.prompt === undefined && p.template === undefined && [better, worse].some(hasFurtherTurns))
      counts['rows that part before the last answer']++;
    else pairs.push({ ...placeOf(row, p), text: prompt, better, worse });
  }
  return { pairs, counts };
}

function placeOf(row: SourceRow, p: Parameters) {
  const id = p.id === undefined ? row.id : scalarOf(valueAt(row.values, p.id));
  if (id === undefined) throw new UserError(`${row.where}: the id (column "${p.id}") is empty`);
  const difficulty =
    p.difficulty === undefined
      ? 0
      : difficultyOf(valueAt(row.values, p.difficulty), `${row.where}, column "${p.difficulty}"`);
  return { id, label: '', pool: row.pool, difficulty };
}

/** The better and the worse response as they stand; undefined for a tie. */
function betterAndWorse(row: SourceRow, p: Parameters): [string, string] | undefined {
  if (p.responses === undefined || p.better === undefined)
    return [textOf(row, p.chosen), textOf(row, p.rejected)];
  const [one = '', other = ''] = p.responses.map((name) => textOf(row, name));
  const said = scalarOf(valueAt(row.values, p.better.column));
  if (said === p.better.first) return [one, other];
  if (said === p.better.second) return [other, one];
  if (said !== undefined && p.better.ties?.includes(said) === true) return undefined;
  const expected = [p.better.first, p.better.second, ...(p.better.ties ?? [])]
    .map((each) => `"${each}"`)
    .join(', ');
  const found = said === undefined ? 'nothing' : `"${said}"`;
  throw new UserError(
    `${row.where}, column "${p.better.column}": expected one of ${expected}, found ${found}`,
  );
}

type Pairing = { prompt: string; responses: readonly [string, string] };

function promptReader(p: Parameters): (row: SourceRow, responses: [string, string]) => Pairing {
  if (p.template !== undefined) {
    const template = templateOf(p.template);
    return (row, responses) => ({ prompt: filled(row, template.render(row.values, row.where)), responses });
  }
  const { prompt, turn } = p;
  if (prompt !== undefined)
    return (row, responses) => ({ prompt: `${filled(row, textOf(row, prompt)).trim()}\n\n`, responses });
  return (row, responses) => {
    const parted = partConversations(...responses, turn);
    if (parted !== undefined) return parted;
    throw new UserError(
      `${row.where}: the two conversations share no ${JSON.stringify(turn)} that an answer follows. If the columns hold ` +
        'responses alone, name the column with the prompt by "prompt:"; if answers begin otherwise, say how by "turn:"',
    );
  };
}

function filled(row: SourceRow, prompt: string): string {
  if (prompt.trim() !== '') return prompt;
  throw new UserError(`${row.where}: the prompt is empty; give the row one or remove it`);
}

function textOf(row: SourceRow, column: string): string {
  const value = valueAt(row.values, column) ?? '';
  if (typeof value === 'string') return value;
  const found = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  throw new UserError(`${row.where}, column "${column}": expected a text, found ${found}`);
}

/** Sorted by prompt. Of several pairs of a prompt the one in the most held-out split stays; then the first by content. */
function onePairEach(pairs: readonly Pair[]): { kept: Pair[]; counts: Record<string, number> } {
  const byPrompt = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const same = byPrompt.get(pair.text);
    if (same === undefined) byPrompt.set(pair.text, [pair]);
    else same.push(pair);
  }
  const counts = { 'duplicate pairs': 0, 'rows in conflict': 0, 'further pairs of a prompt': 0 };
  const kept: Pair[] = [];
  for (const [, same] of [...byPrompt].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const distinct = new Map<string, Pair[]>();
    for (const pair of same) {
      const key = JSON.stringify([pair.better, pair.worse]);
      distinct.set(key, [...(distinct.get(key) ?? []), pair]);
    }
    const clear = [...distinct].filter(
      ([, [pair]]) => pair !== undefined && !distinct.has(JSON.stringify([pair.worse, pair.better])),
    );
    counts['rows in conflict'] += same.length - clear.reduce((sum, [, rows]) => sum + rows.length, 0);
    counts['duplicate pairs'] += clear.reduce((sum, [, rows]) => sum + rows.length - 1, 0);
    const candidates = clear.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rows]) => mostHeldOut(rows));
    if (candidates.length === 0) continue;
    counts['further pairs of a prompt'] += candidates.length - 1;
    kept.push(mostHeldOut(candidates));
  }
  return { kept, counts };
}

function checkIds(source: string, p: Parameters, kept: readonly Pair[]): void {
  if (p.id === undefined) return;
  const seen = new Set<string>();
  for (const { id } of kept) {
    if (seen.has(id)) throw new UserError(`${source}, column "${p.id}": "${id}" names two different prompts`);
    seen.add(id);
  }
}
