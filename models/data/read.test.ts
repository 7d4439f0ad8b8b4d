import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { writeParquet } from '../../datasets/parquet.js';
import type { RowTokenizer } from './encode.js';
import type { Example } from './example.js';
import { readExamples, type ReadOptions } from './read.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-examples-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A token for each character; every text begins with 1, a text ends with 2, a turn is <role:…>. */
const characters: RowTokenizer = {
  encode: (text, { addSpecialTokens = true } = {}) => [
    ...(addSpecialTokens ? [1] : []),
    ...[...text].map((character) => character.charCodeAt(0)),
  ],
  encodePair: (text, pair) => ({
    ids: [
      1,
      ...characters.encode(text, { addSpecialTokens: false }),
      2,
      ...characters.encode(pair, { addSpecialTokens: false }),
    ],
    segments: [
      ...Array.from({ length: text.length + 2 }, () => 0),
      ...Array.from({ length: pair.length }, () => 1),
    ],
  }),
  chat: (messages, { addGenerationPrompt = false } = {}) =>
    messages.map(({ role, content }) => `<${role[0]}:${String(content)}>`).join('') +
    (addGenerationPrompt ? '<a:' : ''),
  eosId: 2,
  vocabularySize: 128,
};

const language: Omit<ReadOptions, 'path'> = {
  task: { kind: 'language' },
  vocabulary: 128,
  context: 40,
  forTraining: true,
  tokenizer: characters,
};
const threeClasses: Omit<ReadOptions, 'path'> = {
  ...language,
  task: { kind: 'classes', classes: 3, names: ['bad', 'fair', 'good'] },
};

let count = 0;
async function file(content: string | object[], extension = 'jsonl'): Promise<string> {
  const path = join(folder, `${++count}.${extension}`);
  const text = typeof content === 'string' ? content : content.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(path, text);
  return path;
}

async function read(content: string | object[], options = language, extension?: string): Promise<Example[]> {
  return readExamples({ path: await file(content, extension), ...options });
}

async function complaint(
  content: string | object[],
  options = language,
  extension?: string,
): Promise<string> {
  const error: unknown = await read(content, options, extension).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message.replace(/^\S*?(\d+)\.\w+/, 'FILE');
}

/** Ids as characters, those that are not in the loss as dots. */
function taught({ ids, labels }: Example): [string, string] {
  const shown = [...ids].map((id) => (id === 1 ? '^' : id === 2 ? '$' : String.fromCharCode(id)));
  return [shown.join(''), shown.map((text, i) => (labels?.[i] === -100 ? '.' : text)).join('')];
}

describe('what a language model is taught', () => {
  it('a text: every token, the end too', async () => {
    const [example] = await read([{ text: 'hi' }]);
    expect(taught(example!)).toEqual(['^hi$', '^hi$']);
  });

  it('a prompt and its completion: the completion', async () => {
    const row = { prompt: '1+1=', completion: '2' };
    expect(taught((await read([row]))[0]!)).toEqual(['^1+1=2$', '.....2$']);
    expect(taught((await read([row], { ...language, lossOn: 'everything' }))[0]!)[1]).toBe('^1+1=2$');
  });

  const conversation = [
    { role: 'user', content: 'a?' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c?' },
    { role: 'assistant', content: 'd' },
  ];

  it('a conversation: the assistant’s turns, behind what opens them', async () => {
    const [example] = await read([{ messages: conversation }]);
    expect(taught(example!)).toEqual(['<u:a?><a:b><u:c?><a:d>', '.........b>.........d>']);
  });

  it('a conversation as prompt and completion: the turns of the completion', async () => {
    const [example] = await read([{ prompt: conversation.slice(0, 3), completion: conversation.slice(3) }]);
    expect(taught(example!)[1]).toBe('....................d>');
  });

  it('ready ids: the labels as they are, and without labels every real token', async () => {
    const [labelled, plain] = await read([
      { input_ids: [0, 5, 6], attention_mask: [0, 1, 1], labels: [-100, 9, 6], position_ids: [0, 0, 1] },
      { input_ids: [0, 5, 6], attention_mask: [0, 1, 1] },
    ]);
    expect(labelled).toEqual({
      place: 'line 1',
      ids: Int32Array.of(0, 5, 6),
      mask: Int32Array.of(0, 1, 1),
      positions: Int32Array.of(0, 0, 1),
      labels: Int32Array.of(-100, 9, 6),
    });
    expect(plain?.labels).toEqual(Int32Array.of(-100, 5, 6));
  });

  it('ids may stand in CSV as JSON, and in Parquet as lists', async () => {
    const expected = { ids: Int32Array.of(3, 4), labels: Int32Array.of(-100, 4) };
    const [fromCsv] = await read('input_ids,labels\n"[3, 4]","[-100, 4]"\n', language, 'csv');
    expect(fromCsv).toEqual({ place: 'line 2', ...expected });
    const path = join(folder, 'ids.parquet');
    await writeParquet(path, { input_ids: 'list<int32>', labels: 'list<int32>' }, [
      { input_ids: [3, 4], labels: [-100, 4] },
    ]);
    expect(await readExamples({ path, ...language })).toEqual([{ place: 'row 1', ...expected }]);
  });

  it('rows that are too long are cut off where that was asked for', async () => {
    const [example] = await read([{ input_ids: [1, 2, 3, 4, 5], attention_mask: [1, 1, 1, 1, 1] }], {
      ...language,
      maxLength: 3,
    });
    expect(example?.ids).toEqual(Int32Array.of(1, 2, 3));
    expect(example?.mask).toEqual(Int32Array.of(1, 1, 1));
    expect(example?.labels).toEqual(Int32Array.of(1, 2, 3));
  });
});

describe('what a classifier is taught', () => {
  it('a class by number or name, of a text or of two', async () => {
    const examples = await read(
      [
        { text: 'a', label: 2 },
        { text: 'b', labels: 'fair' },
        { text: 'a', text_pair: 'b', label: '0' },
      ].map((row) => row),
      threeClasses,
    );
    expect(examples.map(({ target }) => target)).toEqual([2, 1, 0]);
    expect(examples[2]).toMatchObject({
      ids: Int32Array.of(1, 97, 2, 98),
      segments: Int32Array.of(0, 0, 0, 1),
    });
    expect(examples[0]?.labels).toBeUndefined();
  });

  it('a number, or a number for each class', async () => {
    const [score] = await read([{ input_ids: [1], labels: 0.25 }], { ...language, task: { kind: 'score' } });
    expect(score?.target).toBe(0.25);
    const [multi] = await read([{ input_ids: [1], labels: [1, 0] }], {
      ...language,
      task: { kind: 'multi-label', classes: 2 },
    });
    expect(multi?.target).toEqual(Float32Array.of(1, 0));
  });

  it('nothing where it is only asked', async () => {
    const [example] = await read([{ text: 'a' }], { ...threeClasses, forTraining: false });
    expect(example).toEqual({ place: 'line 1', ids: Int32Array.of(1, 97) });
  });
});

describe('what is wrong with a row is said with its place', () => {
  it.each<[string, object[], string | RegExp]>([
    [
      'no column',
      [{ txt: 'a' }],
      /^FILE, line 1: there is none of the columns "input_ids", "messages", .* The columns are "txt"\./,
    ],
    [
      'one column of two',
      [{ prompt: 'a', completions: 'b' }],
      /^FILE, line 1: there is no column "completion".* Did you mean "completions"/,
    ],
    [
      'a column missing later',
      [{ text: 'a' }, { tex: 'b' }],
      /^FILE, line 2: there is no column "text".* Did you mean "tex"/,
    ],
    ['an empty text', [{ text: 'a' }, { text: ' ' }], 'FILE, line 2: text is empty'],
    ['an empty row', [{ text: '' }], /^FILE, line 1: the row is empty \(text\)/],
    ['no ids', [{ input_ids: [] }], 'FILE, line 1: input_ids is empty'],
    [
      'ids that are none',
      [{ input_ids: [1, 2.5] }],
      'FILE, line 1: input_ids[1] is 2.5; expected a whole number',
    ],
    [
      'a mask of another length',
      [{ input_ids: [1, 2], attention_mask: [1] }],
      'FILE, line 1: attention_mask has 1 elements, and input_ids has 2',
    ],
    ['a mask of nothing', [{ input_ids: [1, 2], attention_mask: [0, 0] }], /attention_mask is 0 everywhere/],
    [
      'a mask with other numbers',
      [{ input_ids: [1, 2], attention_mask: [1, -9] }],
      'FILE, line 1: attention_mask holds -9; expected 0 to 1',
    ],
    [
      'a label that is no token',
      [{ input_ids: [1, 2], labels: [1, 128] }],
      /^FILE, line 1: labels\[1\] is 128; expected a token id below 128, or -100/,
    ],
    [
      'a row that is too long',
      [{ text: 'x'.repeat(39) }],
      /^FILE, line 1: the row has 41 tokens, and the model's positions allow 40\. .*--max-length 40/,
    ],
    [
      'an id outside of the vocabulary',
      [{ text: 'é' }],
      /^FILE, line 1: token 1 has the id 233, and the model's vocabulary has 128 ids \(0 to 127\)\. The tokenizer beside the model has 128/,
    ],
    [
      'a conversation without an answer',
      [{ messages: [{ role: 'user', content: 'a' }] }],
      /no turn of the assistant/,
    ],
    [
      'a message without a role',
      [{ messages: ['a'] }],
      /^FILE, line 1: messages\[0\] is "a"; expected \{"role"/,
    ],
    [
      'nothing in the loss',
      [{ input_ids: [1, 2], labels: [5, -100] }],
      /^FILE: nothing of it is in the loss/,
    ],
  ])('%s', async (_, rows, expected) => {
    const message = await complaint(rows);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  it.each<[string, object, RegExp]>([
    [
      'outside of the classes',
      { text: 'a', label: 3 },
      /label is 3; the model has 3 classes: expected 0 to 2 or "bad", "fair", "good"/,
    ],
    [
      'that is not there',
      { text: 'a' },
      /the row has no label: a classifier is trained on a column "label" or "labels"/,
    ],
    ['between classes', { text: 'a', label: 0.5 }, /label is 0\.5; the model has 3 classes/],
  ])('a label %s', async (_, row, expected) => {
    expect(await complaint([row], threeClasses)).toMatch(expected);
  });

  it('texts without a tokenizer', async () => {
    expect(await complaint([{ text: 'a' }], { ...language, tokenizer: undefined })).toMatch(
      /^FILE, line 1: the rows are texts \(text\), and the model's folder has no tokenizer\.json/,
    );
  });

  it('ids of another model’s, without a tokenizer', async () => {
    expect(await complaint([{ input_ids: [128] }], { ...language, tokenizer: undefined })).toMatch(
      /token 0 has the id 128, .* The rows were encoded for another model\./,
    );
  });

  it('a template that writes a turn otherwise when another follows', async () => {
    const forgetful: RowTokenizer = {
      ...characters,
      chat: (messages, options) => characters.chat(messages.slice(-1), options),
    };
    const rows = [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
    ];
    expect(await complaint(rows, { ...language, tokenizer: forgetful })).toMatch(/--loss-on everything/);
  });

  it('a cell of a CSV file that holds no list', async () => {
    expect(await complaint('input_ids\n3 4\n', language, 'csv')).toMatch(
      /^FILE, line 2: input_ids is "3 4"; expected a list as JSON/,
    );
  });
});
