import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { checkVocabulary, type HfTokenizer, loadTokenizer } from './tokenizer.js';

/** What Python's transformers did (fixtures/make_tokenizers.py). */
interface Told {
  readonly tokenizer: object;
  readonly config: Record<string, unknown>;
  readonly cases: { text: string; ids: number[]; plain: number[]; decoded: string; skipped: string }[];
  readonly pair: { ids: number[]; segments: number[] };
  readonly chat: string;
  readonly vocabulary: number;
  readonly specials: { pad: number; bos: number; eos: number; unk: number };
  readonly messages: { role: string; content: string }[];
}

const told = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/tokenizers.json'), 'utf8'),
) as Record<string, Told>;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-tokenizer-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function open({ tokenizer, config }: Pick<Told, 'tokenizer' | 'config'>): Promise<HfTokenizer> {
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  return loadTokenizer(folder);
}

describe.each(Object.entries(told))('a %s tokenizer', (_, python) => {
  let tokenizer: HfTokenizer;
  beforeAll(async () => {
    tokenizer = await open(python);
  });

  it('encodes and decodes as in Python', () => {
    for (const { text, ids, plain, decoded, skipped } of python.cases) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(plain);
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(skipped);
    }
  });

  it('joins two texts, and says which is which', () => {
    expect(tokenizer.encodePair('the cat', 'sat on the mat')).toEqual(python.pair);
  });

  it('knows its special tokens and sizes', () => {
    const { pad, bos, eos, unk } = python.specials;
    expect(tokenizer).toMatchObject({
      padId: pad,
      bosId: bos,
      eosId: eos,
      eosIds: [eos],
      unkId: unk,
      vocabularySize: python.vocabulary,
      modelMaxLength: 64,
      paddingSide: 'left',
    });
  });

  it('writes conversations through the chat template', () => {
    expect(tokenizer.chat(python.messages, { addGenerationPrompt: true })).toBe(python.chat);
  });

  it('streams any ids as the text that they are together', () => {
    const id = fc.integer({ min: 0, max: python.vocabulary - 1 });
    fc.assert(
      fc.property(fc.array(id, { maxLength: 20 }), fc.boolean(), (ids, skipSpecialTokens) => {
        const stream = tokenizer.decodeStream({ skipSpecialTokens });
        const pieces = [...ids.map((each) => stream.push(each)), stream.end()];
        expect(pieces.join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }),
      { seed: 1, numRuns: 1000, examples: [[[0, 5, 5, 0], false]] },
    );
  });
});

describe('streaming', () => {
  it('holds a character back until it is whole', async () => {
    const tokenizer = await open(told['byte level'] as Told);
    const ids = tokenizer.encode('a🙂b');
    const stream = tokenizer.decodeStream();
    const pieces = ids.map((id) => stream.push(id));
    expect(pieces.join('')).toBe('a🙂b');
    expect(pieces).toContain('🙂');
    expect(pieces.filter((piece) => piece === '').length).toBeGreaterThan(0);
    expect(pieces.every((piece) => !piece.includes('\ufffd'))).toBe(true);
  });

  it('gives what was never completed at the end', async () => {
    const tokenizer = await open(told['byte level'] as Told);
    const half = tokenizer.encode('🙂').slice(0, 1);
    const stream = tokenizer.decodeStream();
    expect(half.map((id) => stream.push(id))).toEqual(['']);
    expect(stream.end()).toBe(tokenizer.decode(half));
  });
});

describe('chat templates', () => {
  const python = told['byte level'] as Told;
  const message = [{ role: 'user', content: 'x' }];
  const withTemplate = (chat_template: unknown): Promise<HfTokenizer> =>
    open({ ...python, config: { ...python.config, chat_template } });

  it('may be a list of named ones: tool_use when there are tools', async () => {
    const tokenizer = await withTemplate([
      { name: 'default', template: 'plain {{ messages[0].content }}' },
      { name: 'tool_use', template: 'tools {{ tools | length }}' },
    ]);
    expect(tokenizer.chat(message)).toBe('plain x');
    expect(tokenizer.chat(message, { tools: [{}, {}] })).toBe('tools 2');
    expect(tokenizer.chat(message, { template: 'default', tools: [{}] })).toBe('plain x');
    expect(() => tokenizer.chat(message, { template: 'rag' })).toThrow(
      /named rag; it has: default, tool_use/,
    );
  });

  it('may stand in chat_template.jinja', async () => {
    await writeFile(join(folder, 'chat_template.jinja'), 'from the file: {{ messages[0].content }}');
    const tokenizer = await withTemplate('from the configuration');
    await rm(join(folder, 'chat_template.jinja'));
    expect(tokenizer.chat(message)).toBe('from the file: x');
  });

  it('say what they refuse', async () => {
    const tokenizer = await open(python);
    expect(() => tokenizer.chat([{ role: 'judge', content: '' }])).toThrow(/cannot write these.*role judge/);
    const none = await withTemplate(undefined);
    expect(none.hasChatTemplate).toBe(false);
    expect(() => none.chat(message)).toThrow(UserError);
    await expect(withTemplate('{% if %}').then((broken) => broken.chat(message))).rejects.toThrow(
      /cannot be read/,
    );
  });
});

describe('what is wrong with a folder', () => {
  it('no tokenizer.json: how to make one', async () => {
    await rm(join(folder, 'tokenizer.json'), { force: true });
    await writeFile(join(folder, 'vocab.json'), '{}');
    await expect(loadTokenizer(folder)).rejects.toThrow(
      /no tokenizer\.json \(only vocab\.json.*save_pretrained/,
    );
  });

  it('a damaged file', async () => {
    await writeFile(join(folder, 'tokenizer.json'), '{"model": ');
    await expect(loadTokenizer(folder)).rejects.toThrow(/tokenizer\.json is not JSON/);
    await writeFile(join(folder, 'tokenizer.json'), '{"model": {}}');
    await expect(loadTokenizer(folder)).rejects.toThrow(/of a kind that cannot be read/);
  });

  it('more tokens than the model has embeddings', async () => {
    const tokenizer = await open(told['byte level'] as Told);
    expect(() => checkVocabulary(tokenizer, tokenizer.vocabularySize, folder)).not.toThrow();
    expect(() => checkVocabulary(tokenizer, tokenizer.vocabularySize - 1, folder)).toThrow(
      /ids up to \d+, and the model's vocabulary has \d+/,
    );
  });
});
