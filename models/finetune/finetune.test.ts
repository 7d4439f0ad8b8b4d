import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordedNumbers, recordedTraining, unpackFixture } from '../huggingface/testing/fixtures.js';
import { finetune, type FinetuneOptions } from './finetune.js';
import type { LoggedStep } from './step-log.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-finetune-'));
});
afterAll(() => rm(folder, { recursive: true }));

const { adamw, clip, warmup, steps, batches } = recordedTraining;

/** The recorded training as settings. */
const asRecorded = {
  lr: adamw.lr,
  betas: adamw.betas,
  eps: adamw.eps,
  weightDecay: adamw.weight_decay,
  maxGradNorm: clip,
  warmupSteps: warmup,
  lrScheduler: 'cosine',
  steps,
  batchSize: 4,
  shuffle: false,
} satisfies Partial<FinetuneOptions>;

async function rowsFile(kind: 'language' | 'classification'): Promise<string> {
  const path = join(folder, `${kind}.jsonl`);
  const rows = batches.flatMap(({ input_ids, attention_mask, labels, classes }) =>
    input_ids.map((ids, i) => ({
      input_ids: ids,
      attention_mask: attention_mask[i],
      labels: kind === 'language' ? labels[i] : classes[i],
    })),
  );
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
}

async function logOf(path: string): Promise<LoggedStep[]> {
  const text = await readFile(path, 'utf8');
  return text.trim().split('\n').map((line) => JSON.parse(line) as LoggedStep);
}

function expectRelative(found: readonly number[], expected: readonly number[], within: number): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `step ${i + 1}: ${value} for ${expected[i]}`).toBeLessThan(
      within * Math.max(Math.abs(expected[i]!), 1e-9) + 1e-12,
    ),
  );
}

describe('training as PyTorch does', () => {
  it.each([
    ['gpt2', 'optimum', 'language'],
    ['bert', 'optimum', 'classification'],
    ['llama', 'dynamo', 'language'],
  ] as const)('%s by %s, all parameters', async (name, road, kind) => {
    const model = await unpackFixture(name, road, join(folder, `${name}-${road}`));
    const log = join(folder, `${name}-${road}.jsonl`);
    await finetune({ model, data: await rowsFile(kind), out: join(folder, `${name}-${road}-out`), log, ...asRecorded });
    const { losses, gradientNorms, learningRates } = recordedNumbers(name).full;
    const logged = await logOf(log);
    expect(logged.map(({ step }) => step)).toEqual(losses.map((_, i) => i + 1));
    expectRelative(logged.map(({ loss }) => loss), losses, 1e-4);
    expectRelative(logged.map(({ grad_norm }) => grad_norm), gradientNorms, 1e-3);
    expectRelative(logged.map(({ learning_rate }) => learning_rate), learningRates, 1e-6);
  });
});
