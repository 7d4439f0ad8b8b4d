/**
 * @file `npm run bench:train`: training speed against PyTorch and against ONNX Runtime's own MatMul, separate
 * processes in turn (see duel.ts). Needs a Python with torch, transformers and peft: TEMPER_TEST_PYTHON.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { UserError } from '../base/errors.js';
import { entryPoint, packageRoot } from '../base/folders.js';
import { type Contestant, duel, quartilesText, ratio, type Tally } from './duel.js';

/** What is trained, and how fast it has to be, in PyTorch's speed. */
export interface TrainCase {
  readonly name: string;
  readonly goal: number;
  /** Arguments of both sides: bench/peers/train.py and bench/train-contestant.ts. */
  readonly arguments: readonly string[];
  /** Operations in matrix products for one token, forward and twice that backward, as far as they are needed. */
  readonly operationsPerToken: number;
}

const flags = (values: Record<string, number>) =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);

interface GptSize {
  layers: number;
  width: number;
  heads: number;
  vocabulary: number;
  context: number;
  batch: number;
  steps: number;
}

function gptCase(goal: number, size: GptSize): TrainCase {
  const { layers, width, vocabulary, context, batch } = size;
  return {
    name: `GPT ${layers} × ${width}, context ${context}, batch ${batch}`,
    goal,
    arguments: ['gpt', ...flags({ ...size })],
    // Attention in full: what a causal mask hides is not taken off.
    operationsPerToken: 3 * (layers * (24 * width ** 2 + 4 * context * width) + 2 * width * vocabulary),
  };
}

/** BERT-base with adapters: weights get no gradient, so backward is once the forward pass. */
function encoderCase(goal: number, folder: string): TrainCase {
  const [layers, width, length, batch] = [12, 768, 128, 8];
  return {
    name: `BERT-base, LoRA of rank 8, length ${length}, batch ${batch}`,
    goal,
    arguments: ['encoder', '--folder', folder, ...flags({ batch, length, rank: 8, steps: 1 })],
    operationsPerToken: layers * (2 * 24 * width ** 2 + 3 * 4 * length * width),
  };
}

/** @throws UserError where no Python is named */
export function pythonOf(): string {
  const python = process.env['TEMPER_TEST_PYTHON'];
  if (python !== undefined) return python;
  throw new UserError(
    'set TEMPER_TEST_PYTHON to a Python with torch, transformers and peft to measure against it',
  );
}

export async function benchTrain({ rounds = 7 } = {}): Promise<void> {
  const python = pythonOf();
  const peer = join(packageRoot(), 'bench/peers/train.py');
  const folder = await mkdtemp(join(tmpdir(), 'temper-bench-'));
  try {
    await promisify(execFile)(python, [peer, 'export', '--folder', folder]);
    const cases = [
      gptCase(1.0, { layers: 4, width: 256, heads: 4, vocabulary: 259, context: 128, batch: 16, steps: 2 }),
      gptCase(1.1, { layers: 2, width: 96, heads: 4, vocabulary: 387, context: 48, batch: 64, steps: 12 }),
      encoderCase(1.0, folder),
    ];
    const table = new Table({
      head: [
        '',
        'tokens/s',
        'of PyTorch',
        'goal',
        'eager',
        'compiled',
        'of MatMul’s peak',
        'MatMul of PyTorch’s',
        'memory',
        'PyTorch’s',
      ],
      style: { head: [], border: [] },
    });
    for (const entry of cases) table.push(await measure(entry, python, peer, rounds));
    console.log('Training on 2 threads: median of the rounds’ ratios and their quartiles.');
    console.log('"of PyTorch": against the faster of eager and compiled in each round.');
    console.log(
      '"MatMul of PyTorch’s": ONNX Runtime’s product of 1,024 × 1,024 against PyTorch’s, in the same rounds.',
    );
    console.log(table.toString());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(entry: TrainCase, python: string, peer: string, rounds: number): Promise<string[]> {
  const node = [process.execPath, entryPoint('bench/train-contestant')] as const;
  const contestants: Contestant[] = [
    { name: 'Temper', command: [...node, ...entry.arguments] },
    { name: 'PyTorch, eager', command: [python, peer, ...entry.arguments] },
    { name: 'PyTorch, compiled', command: [python, peer, ...entry.arguments, '--compile'] },
    { name: 'MatMul', command: [...node, 'matmul'] },
    { name: "PyTorch's MatMul", command: [python, peer, 'matmul'] },
  ];
  const [temper, eager, compiled, matmul, mm] = (await duel(contestants, rounds)) as [
    Tally,
    Tally,
    Tally,
    Tally,
    Tally,
  ];
  const best = eager.rates.map((rate, round) => Math.max(rate, compiled.rates[round] as number));
  const operations = temper.rates.map((rate) => rate * entry.operationsPerToken);
  const megabytes = ({ peakBytes }: Tally) => `${(peakBytes / 1e6).toFixed(0)} MB`;
  return [
    entry.name,
    [...temper.rates].sort((a, b) => a - b)[Math.floor(rounds / 2)]?.toFixed(0) ?? '',
    quartilesText(ratio(temper.rates, best)),
    entry.goal.toFixed(1),
    quartilesText(ratio(temper.rates, eager.rates)),
    quartilesText(ratio(temper.rates, compiled.rates)),
    quartilesText(ratio(operations, matmul.rates)),
    quartilesText(ratio(matmul.rates, mm.rates)),
    megabytes(temper),
    megabytes(eager.peakBytes < compiled.peakBytes ? eager : compiled),
  ];
}
