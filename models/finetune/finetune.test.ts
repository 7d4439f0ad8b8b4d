import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../base/json.js';
import { UserError } from '../../base/errors.js';
import { devices } from '../../onnx/device.js';
import { readSafetensors } from '../../onnx/safetensors.js';
import { closeSessions } from '../../onnx/session.js';
import {
  adapterFolder,
  digestPositions,
  recordedNumbers,
  recordedTraining,
  unpackFixture,
} from '../huggingface/testing/fixtures.js';
import { predict } from '../index.js';
import { finetune, type FinetuneOptions, Interrupted } from './finetune.js';
import type { LoggedStep } from './step-log.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-finetune-'));
});
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true });
});

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
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LoggedStep);
}

function expectRelative(found: readonly number[], expected: readonly number[], within: number): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `step ${i + 1}: ${value} for ${expected[i]}`).toBeLessThan(
      within * Math.max(Math.abs(expected[i]!), 1e-9) + 1e-12,
    ),
  );
}

const models = new Map<string, Promise<string>>();
/** A fixture as a model folder, unpacked once. */
function modelOf(name: string, road = 'optimum'): Promise<string> {
  const key = `${name}-${road}`;
  const known = models.get(key) ?? unpackFixture(name, road, join(folder, key));
  models.set(key, known);
  return known;
}

let count = 0;
const fresh = (): string => join(folder, `out-${++count}`);

/** A few steps on BERT's rows. */
async function short(options: Partial<FinetuneOptions> = {}): Promise<FinetuneOptions> {
  const [model, data] = [await modelOf('bert'), await rowsFile('classification')];
  return {
    model,
    data,
    out: fresh(),
    ...asRecorded,
    shuffle: true,
    steps: 8,
    lrScheduler: 'constant',
    ...options,
  };
}

/** sha256 of every file below a folder. */
async function contents(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashes = await Promise.all(
    files.map(async (file) => [file.slice(path.length), sha256(await readFile(file))]),
  );
  return Object.fromEntries(hashes.sort()) as Record<string, string>;
}

/** Runs until `steps` steps are taken; they go in small groups, so that it is not over before. */
async function cutAfter(steps: number, given: FinetuneOptions): Promise<void> {
  const options = { checkpointSteps: 1, ...given };
  const stop = new AbortController();
  const onProgress = ({ step }: { step: number }): void => {
    if (step >= steps) stop.abort();
  };
  await expect(finetune({ ...options, signal: stop.signal, onProgress })).rejects.toThrow(Interrupted);
}

async function logitsOf(model: string, data: string, adapter?: string): Promise<number[][]> {
  const found = await predict({ model, data, logits: true, adapter });
  return found.map((prediction) => (prediction as { logits: number[] }).logits);
}

function expectClose(found: readonly number[][], expected: readonly number[][], within: number): void {
  expect(found.length).toBe(expected.length);
  found.forEach((row, i) =>
    row.forEach((value, j) => expect(Math.abs(value - expected[i]![j]!)).toBeLessThan(within)),
  );
}

describe('training as PyTorch does', () => {
  it.each([
    ['bert', 'optimum', 'classification'],
    ['bert', 'dynamo', 'classification'],
    ['gpt2', 'optimum', 'language'],
    ['llama', 'optimum', 'language'],
  ] as const)('%s by %s, all parameters', async (name, road, kind) => {
    const out = fresh();
    const log = `${out}.jsonl`;
    await finetune({ model: await modelOf(name, road), data: await rowsFile(kind), out, log, ...asRecorded });
    const { losses, gradientNorms, learningRates, weights } = recordedNumbers(name).full;
    const logged = await logOf(log);
    expect(logged.map(({ step }) => step)).toEqual(losses.map((_, i) => i + 1));
    expectRelative(
      logged.map(({ loss }) => loss),
      losses,
      1e-4,
    );
    expectRelative(
      logged.map(({ grad_norm }) => grad_norm),
      gradientNorms,
      1e-3,
    );
    expectRelative(
      logged.map(({ learning_rate }) => learning_rate),
      learningRates,
      1e-6,
    );
    const { tensors } = readSafetensors(await readFile(join(out, 'model.safetensors')), out);
    for (const [parameter, { shape, values, distance }] of Object.entries(weights)) {
      const { data, shape: found } = tensors[parameter]!;
      expect(found).toEqual(shape);
      digestPositions(data.length).forEach((at, i) => {
        expect(Math.abs(Number(data[at]) - values[i]!), parameter).toBeLessThan(
          Math.max(1e-6, 10 * distance),
        );
      });
    }
  });

  it.each(['lora', 'all-linear'] as const)(
    'bert, adapters of PEFT’s (%s) and the classifier with them',
    async (which) => {
      const out = fresh();
      const log = `${out}.jsonl`;
      const adapter = adapterFolder('bert', which);
      const data = await rowsFile('classification');
      await finetune({ model: await modelOf('bert'), data, out, log, adapter, ...asRecorded });
      const { losses, gradientNorms, weights } = recordedNumbers('bert')[which];
      const logged = await logOf(log);
      expectRelative(
        logged.map(({ loss }) => loss),
        losses,
        1e-4,
      );
      expectRelative(
        logged.map(({ grad_norm }) => grad_norm),
        gradientNorms,
        1e-3,
      );
      const { tensors } = readSafetensors(await readFile(join(out, 'adapter_model.safetensors')), out);
      expect(Object.keys(tensors).sort()).toEqual(Object.keys(weights).sort());
      for (const [parameter, { values, distance }] of Object.entries(weights)) {
        const { data: found } = tensors[parameter]!;
        digestPositions(found.length).forEach((at, i) => {
          expect(Math.abs(Number(found[at]) - values[i]!), parameter).toBeLessThan(
            Math.max(1e-6, 10 * distance),
          );
        });
      }
    },
  );

  it('in micro-batches gives the losses of whole batches', async () => {
    const whole = await short({ shuffle: false, log: join(folder, 'whole.jsonl') });
    const parts = {
      ...whole,
      out: fresh(),
      batchSize: 1,
      gradientAccumulation: 4,
      log: join(folder, 'parts.jsonl'),
    };
    await finetune(whole);
    await finetune(parts);
    const [expected, found] = [await logOf(whole.log!), await logOf(parts.log)];
    expectRelative(
      found.map(({ loss }) => loss),
      expected.map(({ loss }) => loss),
      1e-5,
    );
    expectRelative(
      found.map(({ grad_norm }) => grad_norm),
      expected.map(({ grad_norm }) => grad_norm),
      1e-4,
    );
  });
});

describe('rows of different lengths', () => {
  it.each([
    ['bert', 'classification'],
    ['roberta', 'classification'],
    ['gpt2', 'language'],
    ['llama', 'language'],
  ] as const)('are padded without changing a number (%s)', async (name, kind) => {
    const data = join(folder, `ragged-${name}.jsonl`);
    const rows = Array.from({ length: 12 }, (_, i) => {
      const ids = Array.from({ length: 2 + ((i * 5) % 17) }, (__, j) => 5 + ((i * 31 + j * 7) % 60));
      return kind === 'language' ? { input_ids: ids } : { input_ids: ids, label: i % 3 };
    });
    await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
    const model = await modelOf(name);
    const together = {
      model,
      data,
      out: fresh(),
      ...asRecorded,
      steps: 6,
      log: join(folder, `${name}-together.jsonl`),
    };
    const alone = {
      ...together,
      out: fresh(),
      batchSize: 1,
      gradientAccumulation: 4,
      log: join(folder, `${name}-alone.jsonl`),
    };
    await finetune(together);
    await finetune(alone);
    const [expected, found] = [await logOf(alone.log), await logOf(together.log)];
    expectRelative(
      found.map(({ loss }) => loss),
      expected.map(({ loss }) => loss),
      1e-5,
    );
    expectRelative(
      found.map(({ grad_norm }) => grad_norm),
      expected.map(({ grad_norm }) => grad_norm),
      1e-4,
    );
  });
});

describe('a training that was cut off', () => {
  it.each([1, 4, 7])('after step %i goes on to the same bytes, log included', async (step) => {
    const uncut = await short({ log: join(folder, 'uncut.jsonl') });
    await finetune(uncut);
    const cut = { ...uncut, out: fresh(), log: join(folder, `cut-${step}.jsonl`) };
    await cutAfter(step, cut);
    const taken = (await logOf(cut.log)).length;
    expect(taken).toBeGreaterThanOrEqual(step);
    expect(taken).toBeLessThan(8);
    await finetune({ ...cut, device: 'cpu:2' });
    expect(await contents(cut.out)).toEqual(await contents(uncut.out));
    expect(await readFile(cut.log, 'utf8')).toBe(await readFile(uncut.log!, 'utf8'));
  });

  it('in the middle of an epoch, with adapters and dropout, goes on to the same bytes', async () => {
    const uncut = await short({ loraRank: 2, loraDropout: 0.2, gradientAccumulation: 3, seed: 5 });
    await finetune(uncut);
    const cut = { ...uncut, out: fresh() };
    await cutAfter(3, cut);
    await finetune(cut);
    expect(await contents(cut.out)).toEqual(await contents(uncut.out));
  });

  it('long after its last checkpoint repeats what was lost, and logs each step once', async () => {
    const uncut = await short({ log: join(folder, 'uncut.jsonl') });
    await finetune(uncut);
    const killed = { ...uncut, out: fresh(), log: join(folder, 'killed.jsonl') };
    await cutAfter(2, killed);
    // What a kill some steps later leaves: a log that is ahead of the checkpoint.
    await appendFile(killed.log, '{"step":99,"loss":1,"grad_norm":1,"learning_rate":1}\n{"step":10');
    await finetune(killed);
    expect(await contents(killed.out)).toEqual(await contents(uncut.out));
    expect(await readFile(killed.log, 'utf8')).toBe(await readFile(uncut.log!, 'utf8'));
  });

  it('keeps two checkpoints, and none when it is done', async () => {
    const options = await short({ checkpointSteps: 2 });
    await cutAfter(5, options);
    const kept = Object.keys(await contents(options.out)).filter((path) => path.endsWith('checkpoint.json'));
    expect(kept.length).toBe(2);
    const { files, steps } = await finetune(options);
    expect(steps).toBe(8);
    const left = Object.keys(await contents(options.out));
    expect(left.some((path) => path.includes('checkpoint'))).toBe(false);
    for (const file of files) expect(left).toContain(`/${file}`);
  });

  it('and is done is not done again', async () => {
    const options = await short();
    const first = await finetune(options);
    const onProgress = (): void => expect.unreachable();
    const before = await contents(options.out);
    expect(await finetune({ ...options, onProgress })).toEqual(first);
    expect(await contents(options.out)).toEqual(before);
  });

  it('with other settings is refused, saying which, and begun anew where asked for', async () => {
    const options = await short();
    await cutAfter(2, options);
    const other = { ...options, lr: 0.5, train: 'head' } as const;
    await expect(finetune(other)).rejects.toThrow(
      /other settings:\n {2}settings\.lr: 0\.002 before, 0\.5 now\n {2}settings\.train: "full" before, "head" now\n.*--overwrite/s,
    );
    await finetune({ ...other, lr: 0.1, overwrite: true });
    const again = { ...other, lr: 0.1, out: fresh() };
    await finetune(again);
    expect(await contents(options.out)).toEqual(await contents(again.out));
  });
});

describe('what comes out', () => {
  it('of full fine-tuning is the model’s folder again, with other weights', async () => {
    const options = await short();
    await finetune(options);
    const before = await logitsOf(options.model, options.data);
    const after = await logitsOf(options.out, options.data);
    expect(after.length).toBe(before.length);
    expect(after).not.toEqual(before);
    expect(Object.keys(await contents(options.out)).sort()).toEqual([
      '/config.json',
      '/model.safetensors',
      '/onnx/model.onnx',
      '/run.json',
      '/training.json',
    ]);
  });

  it('of adapters is a PEFT folder, which the model with it and a merged model agree on', async () => {
    const options = await short({ loraRank: 4, loraAlpha: 16, loraTargets: 'all-linear', merge: true });
    await finetune(options);
    const merged = await logitsOf(options.out, options.data);
    expectClose(await logitsOf(options.model, options.data, options.out), merged, 1e-6);
    const config = JSON.parse(await readFile(join(options.out, 'adapter_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ r: 4, lora_alpha: 16, peft_type: 'LORA', task_type: 'SEQ_CLS' });
  });

  it('of a new head is a classifier', async () => {
    const data = await rowsFile('classification');
    const options = {
      model: await modelOf('minilm'),
      data,
      out: fresh(),
      ...asRecorded,
      lr: 0.1,
      epochs: undefined,
    };
    await finetune({
      ...options,
      head: 'classification',
      classes: 3,
      pooling: 'mean',
      train: 'head',
      steps: 20,
    });
    const [first] = await predict({ model: options.out, data });
    expect((first as { probabilities: number[] }).probabilities.length).toBe(3);
  });

  it('of a decoder with adapters and a new head predicts as its merged model', async () => {
    const data = await rowsFile('classification');
    const options = { model: await modelOf('llama'), data, out: fresh(), ...asRecorded, steps: 4 };
    await finetune({ ...options, head: 'classification', classes: 3, loraRank: 2, merge: true });
    const merged = await logitsOf(options.out, data);
    expect(merged[0]!.length).toBe(3);
    expectClose(await logitsOf(options.model, data, options.out), merged, 1e-5);
  });
});

describe('what cannot be', () => {
  it('a loss that is no number: the step, and the last good state', async () => {
    const options = await short({
      lr: 1e30,
      maxGradNorm: undefined,
      warmupSteps: 0,
      log: join(folder, 'wild.jsonl'),
    });
    await expect(finetune(options)).rejects.toThrow(
      /(loss|norm of the gradients) is (NaN|Infinity) at step [2-8]\. The state after step [1-7], the last good one, is kept in .*out-\d+\. Lower the learning rate \(--lr\)/,
    );
    const logged = await logOf(options.log!);
    expect(logged.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    const checkpoints = Object.keys(await contents(options.out)).filter((path) =>
      path.endsWith('state.safetensors'),
    );
    expect(checkpoints.length).toBeGreaterThan(0);
  });

  it.each<[string, Partial<FinetuneOptions>, RegExp]>([
    ['a rate below 0', { lr: -1 }, /^--lr is -1; expected a number from 0$/],
    ['half a batch', { batchSize: 0.5 }, /^--batch-size is 0\.5; expected a whole number from 1$/],
    [
      'a schedule that is not known',
      { lrScheduler: 'polynomial' },
      /polynomial is not known; expected constant, .*cosine/,
    ],
    ['steps and epochs', { epochs: 2 }, /--steps and --epochs/],
    ['adapters that are not trained', { train: 'full', loraRank: 4 }, /--train full trains no adapter/],
    ['another number of classes', { classes: 5 }, /a classifier of 3 classes, and 5 were asked for/],
    [
      'targets that name no layer',
      { loraTargets: ['q_proj'] },
      /name no linear layer of this model; its layers end in .*query/,
    ],
    ['a classifier as a language model', { head: 'language' }, /is a classifier, not a language model/],
    ['half precision on a CPU', { dtype: 'float16' }, /a cpu computes in float32, not in float16/],
    ['a device that is not known', { device: 'tpu' }, /device "tpu" is not known/],
  ])('%s', async (_, options, message) => {
    await expect(finetune(await short(options))).rejects.toThrow(message);
  });

  it('a model without a head and nothing said about one', async () => {
    await expect(finetune(await short({ model: await modelOf('minilm') }))).rejects.toThrow(
      /is a model without a head\. .*--head classification --classes N/,
    );
  });

  it('a folder with something else in it', async () => {
    const out = fresh();
    await mkdir(out);
    await writeFile(join(out, 'thesis.tex'), '');
    await expect(finetune(await short({ out }))).rejects.toThrow(
      /holds files that are not of a training \(thesis\.tex\)/,
    );
  });

  it('two at once into one folder', async () => {
    const options = await short({ checkpointSteps: 1 });
    let second: Promise<unknown> | undefined;
    const onProgress = (): void => {
      second ??= finetune(options).catch((error: unknown) => error);
    };
    await finetune({ ...options, onProgress });
    expect(await second).toBeInstanceOf(UserError);
    expect(((await second) as UserError).message).toMatch(/process \d+ on .* trains into it now/);
  });

  it.runIf(devices.cuda.missing() !== undefined)(
    'a device that is not there, before anything is read',
    async () => {
      const options = await short({ device: 'cuda', data: join(folder, 'nowhere.jsonl') });
      await expect(finetune(options)).rejects.toThrow(/cuda:0: .*Get them with: node/s);
      const { model, data } = options;
      await expect(predict({ model, data, device: 'cuda' })).rejects.toThrow(
        /cuda:0: .*Get them with: node/s,
      );
    },
  );

  it('a row whose step has no loss', async () => {
    const data = join(folder, 'empty-step.jsonl');
    await writeFile(data, '{"input_ids":[5],"labels":0}\n{"input_ids":[6],"labels":-100}\n');
    await expect(finetune(await short({ data, batchSize: 1, shuffle: false }))).rejects.toThrow(
      /step 2 is made of line 2, and all labels of those are -100/,
    );
  });
});
