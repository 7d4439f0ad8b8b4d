import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';
import { type Prediction, type PredictionOptions, predictions } from './classify.js';
import { openModel } from './huggingface/open.js';
import { unpackFixture } from './huggingface/testing/fixtures.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-predictions-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Batch {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  readonly labels: number[][];
}

async function fixture(path: string): Promise<unknown> {
  return JSON.parse(await readFile(join(packageRoot(), 'models/fixtures/huggingface', path), 'utf8'));
}

async function batch(index: number): Promise<Batch> {
  return ((await fixture('data.json')) as { batches: Batch[] }).batches[index]!;
}

function rowsOf({ input_ids, attention_mask, labels }: Batch, withLabels: boolean): object[] {
  return input_ids.map((ids, i) => ({
    input_ids: ids,
    attention_mask: attention_mask[i],
    ...(withLabels ? { labels: labels[i] } : {}),
  }));
}

let count = 0;
async function predict(
  [name, road]: readonly [string, string],
  rows: readonly object[],
  options: Partial<PredictionOptions> = {},
): Promise<Prediction[]> {
  const model = await openModel(await unpackFixture(name, road, join(folder, `${name}-${road}`)));
  const data = join(folder, `${++count}.jsonl`);
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const found: Prediction[] = [];
  for await (const prediction of predictions(model, { data, ...options })) found.push(prediction);
  return found;
}

function logits(prediction: Prediction | undefined): number[] {
  if (prediction === undefined || !('logits' in prediction)) throw new Error('no logits');
  return prediction.logits as number[];
}

function tokenLogits(prediction: Prediction | undefined): number[][] {
  return logits(prediction) as unknown as number[][];
}

function expectClose(found: readonly number[], expected: readonly number[], within = 1e-4): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(within));
}

/** Rows of many lengths, in no order, so that batches are padded and rows come back in their places. */
const ragged = Array.from({ length: 41 }, (_, i) => ({
  input_ids: Array.from({ length: 1 + ((i * 17) % 23) }, (__, j) => 5 + ((i * 31 + j * 7) % 60)),
}));

describe('a classifier', () => {
  it.each(['optimum', 'slim', 'dynamo', 'torchscript'])('has PyTorch’s logits (bert, %s)', async (road) => {
    const numbers = (await fixture('bert/numbers.json')) as { batches: { logits: number[][] }[] };
    for (const [index, which] of [0, 1, 3].entries()) {
      const found = await predict(['bert', road], rowsOf(await batch(which), false), { logits: true });
      found.forEach((prediction, i) => expectClose(logits(prediction), numbers.batches[index]!.logits[i]!));
    }
  });

  it('gives each row what it gives it alone, in the order of the rows', async () => {
    const together = await predict(['bert', 'optimum'], ragged, { logits: true, batchSize: 8 });
    const alone = await predict(['bert', 'optimum'], ragged, { logits: true, batchSize: 1 });
    together.forEach((prediction, i) => expectClose(logits(prediction), logits(alone[i]), 1e-5));
  });

  it('gives probabilities and the likeliest class', async () => {
    const [raw] = await predict(['bert', 'optimum'], ragged.slice(0, 1), { logits: true });
    const [found] = await predict(['bert', 'optimum'], ragged.slice(0, 1));
    const powers = logits(raw).map(Math.exp);
    const total = powers.reduce((a, b) => a + b);
    expect(found).toMatchObject({ label: powers.indexOf(Math.max(...powers)) });
    expectClose(
      (found as { probabilities: number[] }).probabilities,
      powers.map((power) => power / total),
      1e-6,
    );
  });
});

describe('a language model', () => {
  it.each([
    ['gpt2', 'optimum'],
    ['gpt2', 'dynamo'],
    ['llama', 'slim'],
    ['llama', 'dynamo'],
    ['llama-tied', 'q4'],
    ['qwen2', 'genai'],
  ] as const)('has a row of logits for each token (%s, %s)', async (name, road) => {
    const found = await predict([name, road], ragged, { logits: true, batchSize: 8 });
    const alone = await predict([name, road], ragged, { logits: true, batchSize: 1 });
    found.forEach((prediction, i) => {
      expect(tokenLogits(prediction).length).toBe(ragged[i]!.input_ids.length);
      tokenLogits(prediction).forEach((row, t) => expectClose(row, tokenLogits(alone[i])[t]!, 2e-5));
    });
  });

  it.each([
    ['gpt2', 'optimum'],
    ['gpt2', 'dynamo'],
    ['llama', 'optimum'],
    ['gemma', 'dynamo'],
    ['phi', 'optimum'],
  ] as const)(
    'has PyTorch’s logits for rows that were padded on the right, on the left, and not at all (%s, %s)',
    async (name, road) => {
      const numbers = (await fixture(`${name}/numbers.json`)) as { batches: { logits: number[][] }[] };
      for (const [index, which] of [0, 1, 3].entries()) {
        const given = await batch(which);
        const found = await predict([name, road], rowsOf(given, false), { logits: true });
        found.forEach((prediction, i) => {
          const last = given.attention_mask[i]!.lastIndexOf(1);
          expectClose(tokenLogits(prediction)[last]!, numbers.batches[index]!.logits[i]!);
        });
      }
    },
  );

  it('says how likely each label was, where there is one', async () => {
    const given = rowsOf(await batch(0), true) as { labels: number[] }[];
    const found = await predict(['gpt2', 'optimum'], given);
    const raw = await predict(['gpt2', 'optimum'], given, { logits: true });
    found.forEach((prediction, i) => {
      const { logprobs } = prediction as { logprobs: (number | null)[] };
      expect(logprobs.length).toBe(given[i]!.labels.length);
      logprobs.forEach((logprob, t) => {
        const label = given[i]!.labels[t]!;
        if (t === 0 || label === -100) return expect(logprob).toBeNull();
        const row = tokenLogits(raw[i])[t - 1]!;
        const total = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
        expect(logprob).toBeCloseTo(row[label]! - total, 4);
      });
    });
  });

  it('reads texts with its tokenizer', async () => {
    const [first, second] = await predict(
      ['llama-tied', 'optimum'],
      [
        { prompt: 'the cat', completion: ' an on' },
        { prompt: 'the', completion: ' a' },
      ],
    );
    for (const prediction of [first, second]) {
      const { logprobs } = prediction as { logprobs: (number | null)[] };
      expect(logprobs[0]).toBeNull();
      expect(logprobs.at(-1)).toBeLessThan(0);
    }
  });
});

describe('what does not fit', () => {
  it('a model without a head', async () => {
    await expect(predict(['minilm', 'optimum'], ragged)).rejects.toThrow(
      /has no output "logits" \(it has last_hidden_state\).*--head classification/,
    );
  });

  it('rows for another model', async () => {
    await expect(predict(['bert', 'optimum'], [{ input_ids: [5, 67] }])).rejects.toThrow(
      /\d+\.jsonl, line 1: token 1 has the id 67, and the model's vocabulary has 67 ids/,
    );
    await expect(
      predict(['gpt2', 'optimum'], [{ input_ids: Array.from({ length: 49 }, () => 5) }]),
    ).rejects.toThrow(/line 1: the row has 49 tokens, and the model's positions allow 48/);
  });

  it('a file that is cut off', async () => {
    const path = await unpackFixture('bert', 'optimum', join(folder, 'cut'));
    const file = join(path, 'onnx', 'model.onnx');
    await writeFile(file, (await readFile(file)).subarray(0, 20_000));
    const data = join(folder, 'any.jsonl');
    await writeFile(data, '{"input_ids":[5]}');
    await expect(predictions(await openModel(path), { data }).next()).rejects.toThrow(
      /cut\/onnx\/model\.onnx cannot be opened.*cut off/,
    );
  });
});
