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
import { logSoftmax, matmul, mul, neg, reduceMean, reduceSum } from '../onnx/operators/index.js';
import type { TrainingProgram } from '../onnx/program.js';
import { closeSessions } from '../onnx/session.js';
import { type Batch, initialState, Trainer } from '../onnx/trainer.js';

/** Something whose time is taken: one call does `operations` floating-point operations in products. */
interface Contestant {
  readonly name: string;
  /** Of one step. */
  readonly operations: number;
  readonly stepsPerRun: number;
  readonly run: () => Promise<unknown>;
  readonly release: () => Promise<void>;
}

/** What was measured of one contestant. Times are of one step, in milliseconds. */
export interface TrainingMeasurement {
  readonly name: string;
  readonly medianMs: number;
  readonly bestMs: number;
  /** Of the MatMul peak: best against best. */
  readonly shareOfPeak: number;
  readonly gigaflopsPerSecond: number;
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
        loss: (_graph, { logits, targets }) =>
          neg(reduceMean(reduceSum(mul(targets, logSoftmax(logits)), [1]))),
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
    name: entry.name,
    operations: stepOperations(entry),
    stepsPerRun: entry.stepsPerRun,
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
    name: 'MatMul 1024³',
    operations: 2 * size ** 3,
    stepsPerRun: 1,
    run: () => ready.run({ a: matrix, b: matrix }),
    release: ready.release,
  };
}

/** Takes the time of everything in turn, round by round, so that a slow minute of the machine is shared by all. */
export async function measureTraining({ threads = 2, rounds = 7 } = {}): Promise<TrainingMeasurement[]> {
  const contestants = [await matmulContestant(threads)];
  for (const entry of cases) contestants.push(await trainingContestant(entry, threads));
  for (const contestant of contestants) await contestant.run(); // memory is claimed in the first run
  const times = new Map<Contestant, number[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [contestant, list] of times) {
      const start = performance.now();
      await contestant.run();
      list.push((performance.now() - start) / contestant.stepsPerRun);
    }
  }
  for (const contestant of contestants) await contestant.release();
  await closeSessions();
  const best = (contestant: Contestant) => Math.min(...(times.get(contestant) as number[]));
  const rate = (contestant: Contestant) => contestant.operations / best(contestant) / 1e6;
  const peak = rate(contestants[0] as Contestant);
  return contestants.map((contestant) => {
    const sorted = [...(times.get(contestant) as number[])].sort((a, b) => a - b);
    return {
      name: contestant.name,
      medianMs: sorted[Math.floor(sorted.length / 2)] as number,
      bestMs: sorted[0] as number,
      shareOfPeak: rate(contestant) / peak,
      gigaflopsPerSecond: rate(contestant),
    };
  });
}

/** What `npm run bench` prints about training. */
export async function benchTraining({ threads = 2, rounds = 7 } = {}): Promise<void> {
  const table = new Table({
    head: ['', 'median ms', 'best ms', 'GFLOP/s', 'of the MatMul peak'],
    style: { head: [] },
  });
  for (const { name, medianMs, bestMs, shareOfPeak, gigaflopsPerSecond } of await measureTraining({
    threads,
    rounds,
  })) {
    table.push([
      name,
      medianMs.toFixed(2),
      bestMs.toFixed(2),
      gigaflopsPerSecond.toFixed(0),
      shareOfPeak.toFixed(2),
    ]);
  }
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  console.log(`Training steps on ${threads} threads: forward, backward, clipping and AdamW`);
  console.log(table.toString());
  console.log(`Peak memory of this process, with all of them in it: ${peakMegabytes.toFixed(0)} MB`);
}
