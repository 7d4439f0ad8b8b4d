/** What a generator does with rows: when they end, what they give, what it refuses. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { parseDevice } from '../../onnx/device.js';
import { recordedNumbers, temporaryFixture, type Unpacked } from '../huggingface/testing/fixtures.js';
import { type HfTokenizer, loadTokenizer } from '../huggingface/tokenizer.js';
import { Generator, type GeneratorSource } from './generator.js';

const device = parseDevice('cpu:1');
// A tiny Llama with a tokenizer of its own.
const { prompts, free } = recordedNumbers('llama-tied').generation!;

let fixture: Unpacked;
let source: GeneratorSource;
let tokenizer: HfTokenizer;
let generator: Generator;

beforeAll(async () => {
  fixture = await temporaryFixture('llama-tied', 'optimum');
  tokenizer = await loadTokenizer(fixture.folder);
  const config = JSON.parse(await readFile(join(fixture.folder, 'config.json'), 'utf8')) as JsonObject;
  source = { onnxPath: fixture.onnxPath, config, device, tokenizer };
  generator = await Generator.open(source);
});
afterAll(async () => {
  await generator?.release();
  await fixture.remove();
});

/** The tokens until one ends them, and that one. */
const upTo = (ids: readonly number[], ...ends: number[]): number[] =>
  ids.slice(0, ids.findIndex((id) => ends.includes(id)) + 1);

/** Generates with another generation_config.json or config.json. */
async function withConfig<T>(
  change: Partial<GeneratorSource>,
  use: (other: Generator) => Promise<T>,
): Promise<T> {
  const other = await Generator.open({ ...source, ...change });
  try {
    return await use(other);
  } finally {
    await other.release();
  }
}

describe('a row ends', () => {
  it('after as many tokens as were asked for, 20 if nobody says', async () => {
    const [short] = await generator.generate([prompts[0]!], { maxNewTokens: 4, eosIds: [] });
    expect(short).toMatchObject({ row: 0, sample: 0, ids: free[0]!.slice(0, 4), finish: 'length' });
    const [usual] = await generator.generate([prompts[0]!], { eosIds: [] });
    expect(usual!.ids).toHaveLength(20);
  });

  it('at a length that counts its prompt', async () => {
    const lengths = prompts.map(({ length }) => length);
    const generated = await generator.generate(prompts, { maxLength: 8, eosIds: [] });
    expect(generated.map(({ ids }) => ids.length)).toEqual(lengths.map((length) => Math.max(0, 8 - length)));
  });

  it('not before it has the tokens that it must have', async () => {
    const eos = free[0]![2]!;
    const ids = async (minNewTokens: number) =>
      (await generator.generate([prompts[0]!], { minNewTokens, eosIds: [eos], maxNewTokens: 10 }))[0]!.ids;
    expect(await ids(0)).toEqual(upTo(free[0]!, eos));
    const later = await ids(5);
    expect(later.length).toBeGreaterThan(4);
    expect(later.slice(0, 5)).not.toContain(eos);
  });

  it('where the model has no more positions', async () => {
    const context = 16;
    const [row] = await withConfig(
      { config: { ...source.config, max_position_embeddings: context } },
      (narrow) => narrow.generate([prompts[0]!], { maxNewTokens: 100, eosIds: [] }),
    );
    expect(row!.finish).toBe('context');
    expect(row!.ids).toEqual(free[0]!.slice(0, context - prompts[0]!.length));
  });

  it('at a text, which is cut off, also where tokens overlap it', async () => {
    const whole = tokenizer.decode(free[0]!, { skipSpecialTokens: true });
    const stop = whole.slice(7, 10);
    const at = whole.indexOf(stop);
    const [row] = await generator.generate([prompts[0]!], { eosIds: [], stop: ['never there', stop] });
    expect(row).toMatchObject({ finish: 'stop', text: whole.slice(0, at) });
    expect(free[0]!.slice(0, row!.ids.length)).toEqual(row!.ids);
    expect(tokenizer.decode(row!.ids, { skipSpecialTokens: true })).toContain(stop);
  });
});

describe('rows', () => {
  it('tell each token as it is chosen; the texts together are the row’s', async () => {
    const texts = prompts.map(() => '');
    const tokens = prompts.map((): number[] => []);
    const generated = await generator.generate(prompts, {
      eosIds: [],
      stop: ['unheard of'],
      onToken: ({ row }, token, text) => {
        texts[row] += text;
        tokens[row]!.push(token);
      },
    });
    expect(tokens).toEqual(free);
    expect(texts).toEqual(generated.map(({ text }) => text));
    expect(texts).toEqual(free.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true })));
  });

  it('have random numbers of their own: by seed, row and sample', async () => {
    const options = { doSample: true, temperature: 1.5, eosIds: [], maxNewTokens: 8, seed: 1 };
    const three = await generator.generate([prompts[0]!, prompts[1]!], { ...options, numReturn: 3 });
    expect(three.map(({ row, sample }) => [row, sample])).toEqual(
      [0, 1].flatMap((row) => [0, 1, 2].map((sample) => [row, sample])),
    );
    expect(new Set(three.slice(0, 3).map(({ ids }) => ids.join())).size).toBe(3);
    // The second prompt alone, and one sample of it.
    const [alone] = await generator.generate([prompts[1]!], { ...options, indices: [1] });
    expect(alone!.ids).toEqual(three[3]!.ids);
    const [other] = await generator.generate([prompts[1]!], { ...options, indices: [1], seed: 2 });
    expect(other!.ids).not.toEqual(alone!.ids);
  });

  it('repeat no sequence that they must not repeat', async () => {
    const [row] = await generator.generate([prompts[0]!], {
      noRepeatNgramSize: 2,
      maxNewTokens: 40,
      eosIds: [],
    });
    const all = [...prompts[0]!, ...row!.ids];
    const pairs = all.slice(1).map((id, i) => `${all[i]} ${id}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    const [suppressed] = await generator.generate([prompts[0]!], { suppressTokens: free[0]!, eosIds: [] });
    expect(suppressed!.ids.filter((id) => free[0]!.includes(id))).toEqual([]);
  });
});

describe('generation_config.json', () => {
  it('says how to generate where nobody else does', async () => {
    const eos = free[0]![2]!;
    const second = free[1]![4]!;
    const generationConfig = {
      do_sample: true,
      temperature: 1e-3,
      max_new_tokens: 9,
      eos_token_id: [eos, second],
    };
    await withConfig({ generationConfig }, async (configured) => {
      const generated = await configured.generate(prompts.slice(0, 2));
      expect(generated.map(({ ids }) => ids)).toEqual([
        upTo(free[0]!, eos, second),
        upTo(free[1]!, eos, second),
      ]);
      const [overridden] = await configured.generate(prompts, { maxNewTokens: 2, doSample: false });
      expect(overridden!.ids).toEqual(free[0]!.slice(0, 2));
    });
  });

  it('may not ask for what is not done', async () => {
    await withConfig({ generationConfig: { num_beams: 4 } }, async (configured) => {
      await expect(configured.generate(prompts)).rejects.toThrow(/num_beams = 4, which Temper does not do/);
    });
  });
});

describe('what is refused', () => {
  it.each([
    [{ temperature: 0 }, /temperature is 0; expected a number above 0/],
    [{ topP: 1.5 }, /topP is 1.5; expected a number from 0 to 1/],
    [{ topK: -1 }, /topK is -1/],
    [{ maxNewTokens: 0 }, /maxNewTokens is 0/],
    [{ numReturn: 2 }, /without sampling: they would all be the same/],
    [{ batchSize: 0 }, /batchSize is 0/],
    [{ stop: [''] }, /texts that are not empty/],
  ])('%o', async (options, message) => {
    await expect(generator.generate([prompts[0]!], options)).rejects.toThrow(message);
  });

  it('rows that the model cannot read', async () => {
    await expect(generator.generate([[3], []])).rejects.toThrow(/row 1 has no token/);
    await expect(generator.generate([[3, 9999]])).rejects.toThrow(/row 0, token 1: 9999 is no id/);
    const long = new Array<number>(generator.context).fill(3);
    await expect(generator.generate([long])).rejects.toThrow(/positions allow \d+: shorten it/);
  });

  it('texts to stop at without a tokenizer, and a tokenizer of another model', async () => {
    await withConfig({ tokenizer: undefined }, async (mute) => {
      await expect(mute.generate(prompts, { stop: ['x'] })).rejects.toThrow(/need a tokenizer/);
    });
    const larger = { ...tokenizer, vocabularySize: generator.vocabulary + 1 } as HfTokenizer;
    await expect(Generator.open({ ...source, tokenizer: larger })).rejects.toThrow(/do not belong together/);
  });

  it('files that are no decoder, damaged, or not there', async () => {
    const bert = await temporaryFixture('bert', 'optimum');
    await expect(Generator.open({ ...source, onnxPath: bert.onnxPath })).rejects.toThrow(
      /cannot generate: its logits are .*text-generation-with-past/,
    );
    await bert.remove();
    const folder = await mkdtemp(join(tmpdir(), 'temper-generator-'));
    const half = join(folder, 'half.onnx');
    const bytes = await readFile(fixture.onnxPath);
    await writeFile(half, bytes.subarray(0, bytes.length / 2));
    await expect(Generator.open({ ...source, onnxPath: half })).rejects.toThrow(/incomplete/);
    await expect(Generator.open({ ...source, onnxPath: join(folder, 'none.onnx') })).rejects.toThrow(
      /cannot open the model/,
    );
    await rm(folder, { recursive: true });
  });
});
