/** @file Throughput of training steps as a share of what ONNX Runtime's own MatMul reaches in the same run. */
import Table from 'cli-table3';
import { Random } from '../base/random.js';
import { type GptConfig, initialiseGpt } from '../models/gpt.js';
import {
  choiceBatch,
  choiceProgram,
  languageModelBatch,
  languageModelProgram,
  type Training,
} from '../models/training.js';
import { parseDevice } from '../onnx/device.js';
import { evaluator } from '../onnx/evaluate.js';
import { Graph } from '../onnx/graph.js';
import { logSoftmax, matmul, mul, neg, reduceSum } from '../onnx/operators/index.js';
import type { TrainingProgram } from '../onnx/program.js';
import { closeSessions } from '../onnx/session.js';
import { type Batch, initialState, Trainer } from '../onnx/trainer.js';

/** Something whose time is taken: one call does `operations` floating-point operations in products. */
interface Contestant {
  readonly operations: number;
  readonly run: () => Promise<unknown>;
  readonly release: () => Promise<void>;
}

/** What was measured of one case. */
export interface TrainingMeasurement {
  readonly name: string;
  readonly medianStepMs: number;
  readonly bestStepMs: number;
  /** Share of the rate that MatMul alone reached just before, round by round. */
  readonly medianShare: number;
  readonly bestShare: number;
  /** The best rate of MatMul alone. */
  readonly peakGigaflops: number;
}

interface Case {
  readonly name: string;
  readonly config: GptConfig;
  readonly batch: number;
  readonly length: number;
  /** Positions of a row with loss; absent: a fine-tuning step on two choices. */
  readonly positions?: number;
  readonly stepsPerRun: number;
}

const gpt = (
  layers: number,
  width: number,
  heads: number,
  context: number,
  vocabulary: number,
): GptConfig => ({
  architecture: 'gpt',
  layers,
  width,
  heads,
  context,
  vocabulary,
});

/** The goal's size, and the quickstart's: pretraining of both its models, and fine-tuning of the strong one. */
const cases: Case[] = [
  {
    name: 'GPT 4 × 256',
    config: gpt(4, 256, 4, 128, 259),
    batch: 16,
    length: 128,
    positions: 128,
    stepsPerRun: 2,
  },
  {
    name: 'pretrain 2 × 96',
    config: gpt(2, 96, 4, 49, 387),
    batch: 64,
    length: 48,
    positions: 24,
    stepsPerRun: 8,
  },
  {
    name: 'pretrain 1 × 32',
    config: gpt(1, 32, 2, 49, 387),
    batch: 64,
    length: 48,
    positions: 24,
    stepsPerRun: 8,
  },
  { name: 'fine-tune 2 × 96', config: gpt(2, 96, 4, 49, 387), batch: 32, length: 2, stepsPerRun: 20 },
];

/**
 * Operations in the matrix products of a training step: forward, and twice that backward. Attention is
 * counted in full, since the graph computes it in full; what a causal mask hides is not taken off.
 */
function stepOperations({ config: { layers, width, vocabulary }, batch, length, positions }: Case): number {
  const tokens = batch * length;
  const body = tokens * layers * (24 * width ** 2 + 4 * length * width);
  const head = positions === undefined ? batch * 2 * 2 * width : batch * positions * 2 * width * vocabulary;
  return 3 * (body + head);
}

const training = (batch: number): Training => ({
  steps: 1_000_000,
  batch,
  learningRate: 1e-3,
  warmup: 10,
  schedule: 'cosine',
  weightDecay: 0.1,
  betas: [0.9, 0.999],
  eps: 1e-8,
  clipNorm: 1,
});

function prepare({ config, batch, length, positions }: Case): { program: TrainingProgram; batch: Batch } {
  const random = Random.of(1, 'bench');
  const draw = (count: number) => Array.from({ length: count }, () => random.integer(config.vocabulary));
  if (positions === undefined) {
    const size = { length, choices: 2 };
    const rows = Array.from({ length: batch }, () => ({
      tokens: draw(length),
      choices: draw(2),
      target: [1, 0],
    }));
    const program = choiceProgram(
      config,
      { kind: 'choices' },
      {
        ...size,
        training: training(batch),
        loss: ({ logits, targets }) => neg(reduceSum(mul(targets, logSoftmax(logits)), [1])),
      },
    );
    return { program, batch: choiceBatch(rows, size) };
  }
  const stride = length / positions;
  const weights = Array.from({ length: length + 1 }, (_, i) => (i > 0 && (i - 1) % stride === 0 ? 1 : 0));
  const rows = Array.from({ length: batch }, () => ({ tokens: draw(length + 1), weights }));
  const size = { length, positions };
  return {
    program: languageModelProgram(config, { ...size, training: training(batch) }),
    batch: languageModelBatch(rows, size),
  };
}

async function trainingContestant(entry: Case, threads: number): Promise<Contestant> {
  const { program, batch } = prepare(entry);
  const state = initialState(program, initialiseGpt(entry.config, 1));
  const trainer = await Trainer.create(program, state, parseDevice(`cpu:${threads}`));
  const batches = Array.from({ length: entry.stepsPerRun }, () => batch);
  return {
    operations: stepOperations(entry) * entry.stepsPerRun,
    run: () => trainer.run(batches),
    release: () => trainer.release(),
  };
}

/** A product of two matrices of 1,024 rows and columns, nothing else: the most that can be hoped for. */
async function matmulContestant(threads: number): Promise<Contestant> {
  const size = 1024;
  const graph = new Graph();
  const [a, b] = [graph.input('a', 'float32', [size, size]), graph.input('b', 'float32', [size, size])];
  const ready = await evaluator({ product: matmul(a, b) }, parseDevice(`cpu:${threads}`));
  const matrix = { shape: [size, size], data: new Float32Array(size * size).fill(0.5) };
  return {
    operations: 2 * size ** 3,
    run: () => ready.run({ a: matrix, b: matrix }),
    release: ready.release,
  };
}

/** Operations per second of calling a contestant `times` times. */
async function rateOf({ operations, run }: Contestant, times: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < times; i++) await run();
  return (times * operations * 1000) / (performance.now() - start);
}

/**
 * In every round MatMul does about as many operations as the training steps after it, so that both are exposed
 * to the same minute of the machine: a share means something on a busy machine too, times do not.
 */
export async function measureTraining({ threads = 2, rounds = 7 } = {}): Promise<TrainingMeasurement[]> {
  const product = await matmulContestant(threads);
  const measurements: TrainingMeasurement[] = [];
  for (const entry of cases) {
    const contestant = await trainingContestant(entry, threads);
    await contestant.run(); // memory is claimed in the first run
    await product.run();
    const products = Math.max(1, Math.round(contestant.operations / product.operations));
    const peaks: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) {
      peaks.push(await rateOf(product, products));
      rates.push(await rateOf(contestant, 1));
    }
    await contestant.release();
    await closeSessions();
    const stepMs = (rate: number) => (stepOperations(entry) * 1000) / rate;
    measurements.push({
      name: entry.name,
      medianStepMs: stepMs(median(rates)),
      bestStepMs: stepMs(Math.max(...rates)),
      medianShare: median(rates.map((rate, round) => rate / (peaks[round] as number))),
      bestShare: Math.max(...rates) / Math.max(...peaks),
      peakGigaflops: Math.max(...peaks) / 1e9,
    });
  }
  await product.release();
  await closeSessions();
  return measurements;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** What `npm run bench` prints about training. */
export async function benchTraining({ threads = 2, rounds = 7 } = {}): Promise<void> {
  const table = new Table({
    head: ['', 'step, median', 'step, best', 'of the MatMul peak, median', 'best against best', 'peak'],
    style: { head: [], border: [] },
  });
  for (const measured of await measureTraining({ threads, rounds })) {
    table.push([
      measured.name,
      `${measured.medianStepMs.toFixed(2)} ms`,
      `${measured.bestStepMs.toFixed(2)} ms`,
      measured.medianShare.toFixed(2),
      measured.bestShare.toFixed(2),
      `${measured.peakGigaflops.toFixed(0)} GFLOP/s`,
    ]);
  }
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  console.log(`Training steps (forward, backward, clipping, AdamW) on ${threads} threads:`);
  console.log(table.toString());
  console.log(`Peak memory of this process: ${peakMegabytes.toFixed(0)} MB`);
}
