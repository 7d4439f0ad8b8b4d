/** @file Temper's side of `npm run bench:train`: `gpt`, `encoder` and `matmul`, with the flags of bench/peers/train.py. */
import { parseArgs } from 'node:util';
import { Random } from '../base/random.js';
import { type GptConfig, initialiseGpt } from '../models/gpt.js';
import { openModelFolder } from '../models/huggingface/folder.js';
import { importNetwork, readParameter } from '../models/huggingface/network.js';
import { classLoss } from '../models/losses/classification.js';
import { languageModelBatch, languageModelProgram } from '../models/training.js';
import { Tuner } from '../models/tuner.js';
import { parseDevice } from '../onnx/device.js';
import { evaluator } from '../onnx/evaluate.js';
import { Graph } from '../onnx/graph.js';
import { matmul } from '../onnx/operators/index.js';
import { initialState, Trainer } from '../onnx/trainer.js';
import { contend } from './contestant.js';

const device = parseDevice('cpu:2');
const optimization = {
  learningRate: 1e-3,
  warmup: 0,
  schedule: 'constant',
  weightDecay: 0.1,
  betas: [0.9, 0.999],
  eps: 1e-8,
  clipNorm: 1,
} as const;

/** The number of a flag. */
type Flags = (name: string) => number;

const contestants: Record<string, (flag: Flags, folder: string) => Promise<() => Promise<number>>> = {
  async gpt(flag) {
    const config: GptConfig = {
      architecture: 'gpt',
      layers: flag('layers'),
      width: flag('width'),
      heads: flag('heads'),
      context: flag('context'),
      vocabulary: flag('vocabulary'),
    };
    const [batch, length, steps] = [flag('batch'), flag('context'), flag('steps')];
    const random = Random.of(1, 'bench');
    const rows = Array.from({ length: batch }, () => ({
      tokens: Array.from({ length: length + 1 }, () => random.integer(config.vocabulary)),
    }));
    const program = languageModelProgram(config, {
      length,
      training: { steps: 1_000_000, batch, ...optimization },
    });
    const trainer = await Trainer.create(program, initialState(program, initialiseGpt(config, 1)), device);
    const step = languageModelBatch(rows, { length });
    return async () => {
      await trainer.run(Array.from({ length: steps }, () => step));
      return steps * batch * length;
    };
  },

  /** A classifier from a file with adapters on queries and values. */
  async encoder(flag, folder) {
    const network = await importNetwork(await openModelFolder(folder));
    const [batch, length, steps, rank] = [flag('batch'), flag('length'), flag('steps'), flag('rank')];
    const { learningRate, betas, eps, weightDecay, clipNorm } = optimization;
    const tuner = await Tuner.open({
      network,
      read: readParameter,
      loss: classLoss(2),
      lora: { rank, alpha: rank, targets: ['query', 'value'] },
      optimizer: { kind: 'adamw', learningRate, betas, eps, weightDecay },
      schedule: { kind: 'constant', warmup: 0 },
      steps: 1_000_000,
      clipNorm,
      seed: 1,
      device,
    });
    const random = Random.of(1, 'bench');
    const rows = Array.from({ length: batch }, () => ({
      ids: Array.from({ length }, () => random.integer(network.vocabulary)),
      target: random.integer(2),
    }));
    const step = [{ rows, batch, length }];
    return async () => {
      await tuner.run(Array.from({ length: steps }, () => step));
      return steps * batch * length;
    };
  },

  /** Products of two matrices of 1,024 rows and columns, nothing else: the most that can be hoped for. In operations. */
  async matmul() {
    const size = 1024;
    const graph = new Graph();
    const [a, b] = [graph.input('a', 'float32', [size, size]), graph.input('b', 'float32', [size, size])];
    const ready = await evaluator({ product: matmul(a, b) }, device);
    const matrix = { shape: [size, size], data: new Float32Array(size * size).fill(0.5) };
    const products = 16;
    return async () => {
      for (let i = 0; i < products; i++) await ready.run({ a: matrix, b: matrix });
      return products * 2 * size ** 3;
    };
  },
};

const [name = '', ...rest] = process.argv.slice(2);
const names = [
  'layers',
  'width',
  'heads',
  'vocabulary',
  'context',
  'batch',
  'length',
  'rank',
  'steps',
  'folder',
];
const { values } = parseArgs({
  args: rest,
  options: Object.fromEntries(names.map((flag) => [flag, { type: 'string' as const }])),
});
const prepare = contestants[name];
if (prepare === undefined) throw new RangeError(`no contestant named "${name}"`);
await contend(await prepare((flag) => Number(values[flag]), String(values['folder'])));
