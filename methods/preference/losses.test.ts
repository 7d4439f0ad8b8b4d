/** @file The losses over pairs against PyTorch's, values and gradients; the numbers come from fixtures/preference.py. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { differentiate } from '../../onnx/differentiate.js';
import { evaluate } from '../../onnx/evaluate.js';
import { Graph, type Value } from '../../onnx/graph.js';
import { reduceMean } from '../../onnx/operators/index.js';
import { closeSessions } from '../../onnx/session.js';
import type { Loss } from '../definition/loss.js';
import confidenceWeightedDpo from '../confidence-weighted-dpo.js';
import dpo from '../dpo.js';
import orpo from '../orpo.js';
import rewardModel from '../reward-model.js';
import simpo from '../simpo.js';

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly parameters: Record<string, number>;
  readonly scores?: number[][];
  readonly logProbabilities: number[][];
  readonly reference: number[][];
  readonly lengths: number[][];
  readonly targets: number[][];
  readonly items: number[];
  readonly gradient: number[][];
}

const path = new URL('../fixtures/preference.json', import.meta.url);
const cases = JSON.parse(readFileSync(path, 'utf8')) as Case[];
const losses: Record<string, Loss> = Object.assign(
  {},
  ...[rewardModel, dpo, simpo, orpo].map((method) => method.losses),
) as Record<string, Loss>;

afterAll(closeSessions);

/** The loss of each pair and the gradient of their mean, as a training graph has them: in float32. */
async function computed(given: Case): Promise<{ items: number[]; gradient: number[] }> {
  const graph = new Graph();
  const shape = [given.targets.length, 2];
  const loss = losses[given.loss]!;
  const feeds: Record<string, { shape: number[]; data: Float32Array }> = {};
  const input = (name: 'scores' | 'logProbabilities' | 'reference' | 'lengths' | 'targets'): Value => {
    feeds[name] = { shape, data: Float32Array.from(given[name]!.flat()) };
    return graph.input(name, 'float32', shape);
  };
  const along = { graph, targets: input('targets'), progress: graph.scalar(0), steps: 10 };
  let [items, variable]: [Value?, Value?] = [];
  if (loss.reads === 'scores') {
    variable = input('scores');
    items = loss.build({ ...along, scores: variable }, given.parameters);
  } else if (loss.reads === 'policy') {
    variable = input('logProbabilities');
    const beside = loss.reference ? { reference: input('reference') } : {};
    const inputs = { ...along, ...beside, logProbabilities: variable, lengths: input('lengths') };
    items = loss.build(inputs, given.parameters);
  }
  expect(items!.shape).toEqual([given.targets.length]);
  const [gradient] = differentiate(reduceMean(items!), [variable!]);
  const results = await evaluate({ items: items!, gradient: gradient! }, feeds);
  return {
    items: Array.from(results['items']!.data, Number),
    gradient: Array.from(results['gradient']!.data, Number),
  };
}

/** Losses reach 180 here (a certain answer that is wrong), and gradients 1e6 (odds near infinity): 1e-6 of their size. */
function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, index) => {
    const size = Math.max(1, Math.abs(expected[index]!));
    expect(Math.abs(value - expected[index]!), `number ${index}: ${value}`).toBeLessThan(1e-6 * size);
  });
}

describe.each(Object.keys(losses))('%s is that of PyTorch, and so is its gradient', (loss) => {
  const own = cases.filter((each) => each.loss === loss);

  it('(there are numbers to compare with)', () => expect(own.length).toBeGreaterThan(7));

  it.each(own)('$name, $parameters', async (each) => {
    const { items, gradient } = await computed(each);
    expectClose(items, each.items);
    expectClose(gradient, each.gradient.flat());
  });
});

describe('confidence weights', () => {
  const item = { text: '', choices: ['a', 'b'] };
  const work = confidenceWeightedDpo.labelWork!['preference-confidence']!;
  const bench = (first: readonly number[]) => {
    const labels = first.map((p, i) => ({ id: `${i}`, label: p >= 0.5 ? 0 : 1, probabilities: [p, 1 - p] }));
    const log: string[] = [];
    return {
      bench: {
        items: labels.map(({ id }) => ({ id, ...item })),
        labels: () => labels,
        roles: ['weak'],
        activations: () => Promise.reject(new Error('reads no activations')),
        log: (line: string) => log.push(line),
      } as unknown as Parameters<typeof work>[0],
      log,
    };
  };

  it('are 0 for a coin toss, which is left out, and 1 for certainty, either way', async () => {
    const { bench: given, log } = bench([0, 0.25, 0.5, 0.75, 1]);
    const labels = await work(given, {});
    expect(labels.map(({ id, weight }) => [id, weight])).toEqual([
      ['0', 1],
      ['1', 0.5],
      ['3', 0.5],
      ['4', 1],
    ]);
    expect(labels.map(({ probabilities }) => probabilities[0])).toEqual([0, 0.25, 0.75, 1]);
    expect(log).toEqual(['4 of 5 pairs weigh something, 0.750 on average']);
  });

  it('of a supervisor that prefers nothing are refused', () => {
    expect(() => work(bench([0.5, 0.5]).bench, {})).toThrow(
      /prefers neither response in any of its 2 labels/,
    );
  });
});
