import { readdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as transformers from '@huggingface/transformers';
import ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GptConfig, initialiseGpt } from '../gpt.js';
import { withHead } from '../heads.js';
import { exportOnnx, type Model } from '../model.js';
import { byteTokenizer, learnWords } from '../tokenizer.js';
import { exportBuiltin } from './builtin.js';

transformers.env.allowRemoteModels = false;

const words = learnWords(["the cat's hat", 'a dog sat on the mat', 'Größe, naïve café! 日本'], {
  maxSize: 64,
});
const config: GptConfig = {
  ...{ architecture: 'gpt', layers: 2, width: 16, heads: 4, context: 24 },
  vocabulary: words.vocabularySize,
};

/** Initialised so that every parameter matters. */
function modelOf(tokenizer: Model['tokenizer']): Model {
  const sized = { ...config, vocabulary: tokenizer.vocabularySize };
  const fresh = initialiseGpt(sized, 'export');
  const parameters = Object.fromEntries(
    Object.entries(fresh).map(([name, { shape, data }], n) => [
      name,
      { shape, data: data.map((value, i) => value * 4 + 0.1 * Math.sin(i * 0.7 + n)) },
    ]),
  );
  return { config: sized, tokenizer, parameters };
}

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'builtin-'))));
afterEach(() => rm(scratch, { recursive: true }));

const longs = (rows: number[][]) =>
  new ort.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [
    rows.length,
    (rows[0] as number[]).length,
  ]);

async function run(path: string, feeds: Record<string, ort.Tensor>): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(path);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Keys and values of no token yet. */
function emptyCache(batch: number): Record<string, ort.Tensor> {
  const names = Array.from({ length: config.layers }, (_, i) => [
    `past_key_values.${i}.key`,
    `past_key_values.${i}.value`,
  ]);
  const shape = [batch, config.heads, 0, config.width / config.heads];
  return Object.fromEntries(
    names.flat().map((name) => [name, new ort.Tensor('float32', new Float32Array(0), shape)]),
  );
}

const floats = (tensor: ort.Tensor | undefined) => Array.from(tensor?.data as Float32Array);

function expectClose(found: number[], expected: number[], distance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  expect(Math.max(...found.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(
    distance,
  );
}

const tokens = [
  [1, 5, 9, 7],
  [1, 11, 4, 8],
];
const ones = tokens.map((row) => row.map(() => 1));

describe('a built-in language model as GPT-2', () => {
  it('has the logits it had', async () => {
    const model = modelOf(words);
    await exportOnnx(model, join(scratch, 'plain.onnx'));
    expect(await exportBuiltin(model, join(scratch, 'out'))).toEqual({ notices: [] });
    const ids = new ort.Tensor('int32', Int32Array.from(tokens.flat()), [2, 4]);
    const before = await run(join(scratch, 'plain.onnx'), { tokens: ids });
    const feeds = { input_ids: longs(tokens), attention_mask: longs(ones), ...emptyCache(2) };
    const after = await run(join(scratch, 'out/onnx/model.onnx'), feeds);
    expect(after['logits']?.dims).toEqual([2, 4, config.vocabulary]);
    expectClose(floats(after['logits']), floats(before['logits']));
  });

  it('goes on from its cache, and does not see padding on either side', async () => {
    await exportBuiltin(modelOf(words), join(scratch, 'out'));
    const path = join(scratch, 'out/onnx/model.onnx');
    const whole = await run(path, {
      input_ids: longs(tokens),
      attention_mask: longs(ones),
      ...emptyCache(2),
    });
    const last = (result: Record<string, ort.Tensor>, row: number, length: number, at = length - 1) =>
      floats(result['logits']).slice(
        (row * length + at) * config.vocabulary,
        (row * length + at + 1) * config.vocabulary,
      );

    const first = await run(path, {
      ...{
        input_ids: longs(tokens.map((row) => row.slice(0, 3))),
        attention_mask: longs(ones.map((row) => row.slice(1))),
      },
      ...emptyCache(2),
    });
    const cache = Object.fromEntries(
      Object.entries(first).flatMap(([name, value]) =>
        name === 'logits' ? [] : [[name.replace('present', 'past_key_values'), value]],
      ),
    ) as Record<string, ort.Tensor>;
    const next = await run(path, {
      input_ids: longs(tokens.map((row) => row.slice(3))),
      attention_mask: longs(ones),
      ...cache,
    });
    expectClose(last(next, 1, 1), last(whole, 1, 4));

    const padded = await run(path, {
      input_ids: longs([
        [0, 0, ...(tokens[0] as number[])],
        [...(tokens[1] as number[]), 0, 0],
      ]),
      attention_mask: longs([
        [0, 0, 1, 1, 1, 1],
        [1, 1, 1, 1, 0, 0],
      ]),
      ...emptyCache(2),
    });
    expectClose(last(padded, 0, 6), last(whole, 0, 4));
    expectClose(last(padded, 1, 6, 3), last(whole, 1, 4));
  });

  it('is loaded and generated with by transformers.js', async () => {
    await exportBuiltin(modelOf(words), join(scratch, 'out'));
    const tokenizer = await transformers.AutoTokenizer.from_pretrained(join(scratch, 'out'));
    const model = await transformers.AutoModelForCausalLM.from_pretrained(join(scratch, 'out'), {
      dtype: 'fp32',
    });
    try {
      const inputs = tokenizer(['the cat', 'a dog sat'], { padding: true }) as Record<
        string,
        transformers.Tensor
      >;
      const generated = await model.generate({ ...inputs, max_new_tokens: 5, do_sample: false });
      expect((generated as transformers.Tensor).dims).toEqual([2, 9]);
    } finally {
      await model.dispose();
    }
  });
});

describe('a built-in classifier', () => {
  it.each(['last', 'mean'] as const)('over the %s of its tokens has the logits it had', async (pooling) => {
    const language = modelOf(words);
    const head = { kind: 'classification', classes: 3, pooling } as const;
    const parameters = {
      ...withHead(language.config, head, language.parameters),
      'classifier.weight': { shape: [3, 16], data: Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)) },
      'classifier.bias': { shape: [3], data: Float32Array.of(0.1, -0.2, 0.3) },
    };
    const model = { ...language, head, parameters };
    await exportOnnx(model, join(scratch, 'plain.onnx'));
    const { notices } = await exportBuiltin(model, join(scratch, 'out'));
    expect(notices.join()).toMatch(/no model.safetensors: the model (takes the mean|has a bias)/);
    expect(await readdir(join(scratch, 'out'))).not.toContain('model.safetensors');
    const before = await run(join(scratch, 'plain.onnx'), {
      tokens: new ort.Tensor('int32', Int32Array.from(tokens.flat()), [2, 4]),
      last: new ort.Tensor('int32', Int32Array.of(3, 1), [2]),
    });
    const mask = [
      [1, 1, 1, 1],
      [1, 1, 0, 0],
    ];
    const after = await run(join(scratch, 'out/onnx/model.onnx'), {
      input_ids: longs(tokens),
      attention_mask: longs(mask),
    });
    expectClose(floats(after['logits']), floats(before['logits']));
  });
});

describe('a built-in tokenizer', () => {
  const texts = [
    "The cat's hat: Größe 日本 unknown",
    'a  dog\nsat, on “the” mat!',
    'naïve’s CAFÉ',
    '',
    '👍 ok',
  ];

  it.each([
    ['words', words],
    ['bytes', byteTokenizer()],
  ])('of %s gives the same ids in transformers.js', async (_, tokenizer) => {
    await exportBuiltin(modelOf(tokenizer), join(scratch, 'out'));
    const loaded = await transformers.AutoTokenizer.from_pretrained(join(scratch, 'out'));
    for (const text of texts) {
      expect(loaded.encode(text), text).toEqual([tokenizer.bos, ...tokenizer.encode(text)]);
      const ids = tokenizer.encode(text).filter((id) => id !== tokenizer.unk);
      expect(loaded.decode([tokenizer.bos, ...ids], { skip_special_tokens: true }), text).toBe(
        tokenizer.decode(ids),
      );
    }
  });
});
