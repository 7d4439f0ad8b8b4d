/** @file A model's folder and its ONNX file. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseDevice } from '../onnx/device.js';
import { closeSessions, openSession, toOrt } from '../onnx/session.js';
import { readSafetensors } from '../onnx/safetensors.js';
import { type GptConfig, gptParameters, initialiseGpt } from './gpt.js';
import { type Head, withHead } from './heads.js';
import { exportOnnx, loadModel, type Model, saveModel } from './model.js';
import { Predictor } from './predict.js';
import { learnWords } from './tokenizer.js';

const config: GptConfig = { architecture: 'gpt', layers: 1, width: 16, heads: 2, context: 8, vocabulary: 20 };
const tokenizer = learnWords(['a b c d e f g h i j k l m n o p q'], { maxSize: 20 });
const parameters = initialiseGpt(config, 1);
const model: Model = { config, tokenizer, parameters };
const device = parseDevice('cpu');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-model-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});
afterAll(closeSessions);

describe('initial weights', () => {
  it('depend on the seed and the parameter, and on nothing else', () => {
    const wider = initialiseGpt({ ...config, layers: 3 }, 1);
    expect(wider['embedding.token']).toEqual(parameters['embedding.token']);
    expect(initialiseGpt(config, 1)).toEqual(parameters);
    expect(initialiseGpt(config, 2)['head.weight']).not.toEqual(parameters['head.weight']);
  });

  it("are GPT-2's: deviation 0.02, less where blocks write into the residual stream; biases 0, norms 1", () => {
    const wide = initialiseGpt({ ...config, width: 64, layers: 2 }, 5);
    const deviation = (name: string) => {
      const data = wide[name]?.data as Float32Array;
      return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    };
    expect(deviation('block0.mlp.in.weight')).toBeCloseTo(0.02, 3);
    expect(deviation('block1.mlp.out.weight')).toBeCloseTo(0.01, 3);
    expect(deviation('block1.attention.out.bias')).toBe(0);
    expect(deviation('block1.norm2.weight')).toBe(1);
  });
});

describe("a model's folder", () => {
  it('gives the model back', async () => {
    await saveModel(folder, model);
    const loaded = await loadModel(folder);
    expect(loaded.config).toEqual(config);
    expect(loaded.head).toBeUndefined();
    expect(loaded.parameters).toEqual(parameters);
    expect(loaded.tokenizer.encode('q zebra a')).toEqual(tokenizer.encode('q zebra a'));
  });

  it('keeps a head and its weights', async () => {
    const head: Head = { kind: 'classification', classes: 2, pooling: 'mean' };
    await saveModel(folder, { ...model, head, parameters: withHead(config, head, parameters) });
    const loaded = await loadModel(folder);
    expect(loaded.head).toEqual(head);
    expect(Object.keys(loaded.parameters)).not.toContain('head.weight');
  });

  it('has the same bytes for the same model', async () => {
    const bytes = async () => {
      await saveModel(folder, model);
      const files = ['config.json', 'tokenizer.json', 'model.safetensors'];
      return Buffer.concat(await Promise.all(files.map((file) => readFile(join(folder, file)))));
    };
    expect(Buffer.compare(await bytes(), await bytes())).toBe(0);
    const names = Object.keys(
      readSafetensors(await readFile(join(folder, 'model.safetensors')), 'it').tensors,
    );
    expect(names).toEqual(
      gptParameters(config)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('that is not one is refused by the file that is wrong', async () => {
    await expect(loadModel(folder)).rejects.toThrow(`${folder} is not a model's folder: ENOENT`);
    await saveModel(folder, model);
    await writeFile(join(folder, 'config.json'), '{"architecture":"gpt","layers":1');
    await expect(loadModel(folder)).rejects.toThrow('config.json is not JSON');
    await writeFile(join(folder, 'config.json'), '{"architecture":"rnn"}');
    await expect(loadModel(folder)).rejects.toThrow('does not describe a gpt');
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, width: 32 }));
    await expect(loadModel(folder)).rejects.toThrow('asks for embedding.token [20, 32]');
  });
});

describe('an exported ONNX file', () => {
  const rows = [
    [3, 4, 5],
    [6, 7, 8],
    [9, 10, 11],
  ];
  const tokens = { shape: [3, 3], data: Int32Array.from(rows.flat()) };
  const last = { shape: [3], data: Int32Array.of(2, 2, 2) };

  it('answers as the predictor does', async () => {
    for (const head of [
      { kind: 'choices' },
      { kind: 'classification', classes: 3, pooling: 'last' },
    ] as const) {
      const headed = { config, head, parameters: withHead(config, head, parameters) };
      if (head.kind === 'classification') headed.parameters['classifier.weight']?.data.fill(0.5, 5, 20);
      const path = join(folder, `${head.kind}.onnx`);
      await exportOnnx(headed, path);
      const lease = await openSession(await readFile(path), device);
      const choices = { shape: [3, 2], data: Int32Array.of(1, 2, 3, 4, 5, 6) };
      const feeds = { tokens, last, ...(head.kind === 'choices' ? { choices } : {}) };
      const output = await lease.session.run(
        Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, toOrt(t)])),
      );
      await lease.release();
      const predictor = await Predictor.create(headed, { device });
      const predicted = await predictor.choiceProbabilities(
        rows.map((row, i) => ({
          tokens: row,
          choices: head.kind === 'choices' ? [2 * i + 1, 2 * i + 2] : undefined,
        })),
      );
      await predictor.release();
      const [, width] = output['logits']?.dims as [number, number];
      const logits = [...(output['logits']?.data as Float32Array)];
      predicted.forEach((probabilities, i) => {
        const powers = logits.slice(i * width, (i + 1) * width).map(Math.exp);
        const sum = powers.reduce((a, b) => a + b);
        probabilities.forEach((p, c) => expect(p).toBeCloseTo((powers[c] as number) / sum, 6));
      });
    }
  });

  it("runs in Python's onnxruntime or under ONNX's reference, at any batch and length", async ({ skip }) => {
    const python = process.env['TEMPER_PYTHON'] ?? 'python3';
    const runtime = ['onnxruntime', 'onnx.reference'].find((module) => {
      try {
        execFileSync(python, ['-c', `import ${module}`], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
    if (runtime === undefined)
      skip(`${python} has neither onnxruntime nor onnx; set TEMPER_PYTHON to one that has`);
    const path = join(folder, 'model.onnx');
    await exportOnnx(model, path);
    const script = `
import json, sys, numpy as np
tokens = np.array(json.loads(sys.argv[2]), dtype=np.int32)
if "${runtime}" == "onnxruntime":
    import onnxruntime
    session = onnxruntime.InferenceSession(sys.argv[1])
else:
    import onnx, onnx.reference
    from onnx.reference.op_run import OpRun
    onnx.checker.check_model(onnx.load(sys.argv[1]))
    class FusedMatMul(OpRun):
        op_domain = "com.microsoft"
        def _run(self, a, b, transA=0, transB=0, alpha=1.0, **_):
            a, b = (np.swapaxes(x, -1, -2) if t else x for x, t in ((a, transA), (b, transB)))
            return (np.asarray(alpha * (a @ b), dtype=a.dtype),)
    session = onnx.reference.ReferenceEvaluator(sys.argv[1], new_ops=[FusedMatMul])
print(json.dumps(session.run(None, {"tokens": tokens})[0].tolist()))`;
    for (const ids of [rows, [[1, 2, 3, 4, 5, 6, 7, 8]]]) {
      const answer = execFileSync(python, ['-c', script, path, JSON.stringify(ids)], { encoding: 'utf8' });
      const lease = await openSession(await readFile(path), device);
      const shape = [ids.length, (ids[0] as number[]).length];
      const { logits } = await lease.session.run({
        tokens: toOrt({ shape, data: Int32Array.from(ids.flat()) }),
      });
      await lease.release();
      const expected = (JSON.parse(answer) as number[][][]).flat(2);
      expect(logits?.dims).toEqual([...shape, config.vocabulary]);
      expected.forEach((value, i) => expect(logits?.data[i]).toBeCloseTo(value, 5));
    }
  });
});
