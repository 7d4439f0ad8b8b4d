/** @file The losses against PyTorch's, values and gradients; the numbers come from fixtures/losses.py. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from '../onnx/differentiate.js';
import { evaluate } from '../onnx/evaluate.js';
import { Graph } from '../onnx/graph.js';
import { reshape } from '../onnx/operators/index.js';
import { closeSessions } from '../onnx/session.js';
import type { LossChoice } from './method.js';
import { losses } from './registry.js';

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly alpha?: number;
  readonly warmup?: number;
  readonly progress?: number;
  readonly logits: number[][];
  readonly targets: number[][];
  readonly value: number;
  readonly gradient: number[][];
}

const cases = JSON.parse(readFileSync(new URL('./fixtures/losses.json', import.meta.url), 'utf8')) as Case[];

afterAll(closeSessions);

/** A loss and its gradient, as a training graph has them: in float32. */
async function computed(choice: LossChoice, logits: number[][], targets: number[][], progress: number) {
  const graph = new Graph();
  const shape = [logits.length, logits[0]!.length];
  const inputs = {
    logits: graph.input('logits', 'float32', shape),
    targets: graph.input('targets', 'float32', shape),
    progress: graph.input('progress', 'float32', []),
  };
  const loss = reshape(losses[choice.name]!(choice)(graph, inputs), []);
  const [gradient] = differentiate(loss, [inputs.logits]);
  const results = await evaluate(
    { loss, gradient: gradient! },
    {
      logits: { shape, data: Float32Array.from(logits.flat()) },
      targets: { shape, data: Float32Array.from(targets.flat()) },
      progress: { shape: [], data: Float32Array.of(progress) },
    },
  );
  return { value: Number(results['loss']!.data[0]), gradient: Array.from(results['gradient']!.data, Number) };
}

const choiceOf = ({ loss, alpha, warmup }: Case): LossChoice => ({
  name: loss,
  ...(alpha === undefined ? {} : { alpha }),
  ...(warmup === undefined ? {} : { warmup }),
});

describe.each(Object.keys(losses))('%s is that of PyTorch, and so is its gradient', (loss) => {
  const own = cases.filter((each) => each.loss === loss);

  it('(there are numbers to compare with)', () => expect(own.length).toBeGreaterThan(10));

  it.each(own)('$name; alpha $alpha, warm-up $warmup, progress $progress', async (each) => {
    const { value, gradient } = await computed(choiceOf(each), each.logits, each.targets, each.progress ?? 0);
    // Losses reach 240 here (a certain answer that is wrong), so 1e-6 of their size.
    expect(Math.abs(value - each.value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(each.value)));
    const farthest = each.gradient.flat().map((expected, index) => Math.abs(gradient[index]! - expected));
    expect(Math.max(...farthest)).toBeLessThan(1e-6);
  });
});

describe('the auxiliary confidence loss', () => {
  const confidence = (alpha: number, warmup = 0): LossChoice => ({
    name: 'auxiliary-confidence',
    alpha,
    warmup,
  });
  const logits = [
    [2, 0],
    [1, 0],
    [0.5, 0],
    [-0.5, 0],
    [-1, 0],
    [-2, 0],
    [-3, 0],
    [-4, 0],
  ];
  const targets = (seconds: number): number[][] => logits.map((_, row) => (row < seconds ? [0, 1] : [1, 0]));

  it('hardens to as many of each class as the weak labels have, however sure the student is', async () => {
    for (const seconds of [0, 2, 4, 6, 8]) {
      // With alpha = 1 the gradient is (p − ŷ) / B: its sign tells what ŷ is.
      const { gradient } = await computed(confidence(1), logits, targets(seconds), 0);
      const firsts = logits.map((_, row) => gradient[2 * row]! < 0);
      // The rows that look most like the first class, and never none: the threshold is one of the rows.
      const expected = Math.max(1, logits.length - seconds);
      expect(firsts).toEqual(logits.map((_, row) => row < expected));
    }
  });

  it.each([3, 7, 31, 33, 49, 127])(
    'stays inside a batch of %i whose labels are all of one class',
    async (rows) => {
      const many = Array.from({ length: rows }, (_, row) => [Math.sin(row), 0]);
      for (const label of [
        [0, 1],
        [1, 0],
      ]) {
        const { value } = await computed(
          confidence(0.5),
          many,
          many.map(() => label),
          1,
        );
        expect(value).toBeGreaterThan(0);
      }
    },
  );

  it('rises from plain cross entropy, linearly over the warm-up, and then stays', async () => {
    const at = async (choice: LossChoice, progress: number): Promise<number> =>
      (await computed(choice, logits, targets(3), progress)).value;
    const plain = await at({ name: 'cross-entropy' }, 0);
    const full = await at(confidence(0.5), 0);
    for (const [progress, share] of [
      [0, 0],
      [0.1, 0.25],
      [0.2, 0.5],
      [0.4, 1],
      [0.9, 1],
    ] as const)
      expect(await at(confidence(0.5, 0.4), progress)).toBeCloseTo(plain + share * (full - plain), 5);
    expect(full).not.toBeCloseTo(plain, 2);
    expect(await at(confidence(0), 0.5)).toBeCloseTo(plain, 6);
  });
});
