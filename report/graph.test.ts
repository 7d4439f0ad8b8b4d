/** @file The plan folded: every stage in one box, every box below what it reads. */
import { beforeAll, describe, expect, test } from 'vitest';
import { sampleResults } from '../test/results.js';
import { depths, drawGraph, foldStages, roleOf } from './graph.js';
import type { Results } from './results.js';

let results: Results;
beforeAll(async () => {
  results = await sampleResults();
});

describe('folding', () => {
  test('keeps what a stage does, without task, seed, shard and numbers', () => {
    const kind = 'refine';
    expect(roleOf({ kind, title: 'refine B 2/2 with qwen2.5 from 4 examples × 1 · dialects · seed 0' })).toBe(
      'refine B with qwen2.5 from n examples × n',
    );
    expect(
      roleOf({ kind: 'finetune', title: 'finetune strong on hard labels (label B with weak) · d · seed 0' }),
    ).toBe('finetune strong on hard labels');
  });

  test('puts every stage into one box', () => {
    const boxes = foldStages(results.stages);
    expect(boxes.reduce((sum, { count }) => sum + count, 0)).toBe(results.stages.length);
    expect(boxes.length).toBeLessThanOrEqual(32);
  });

  test('puts every box below what it reads', () => {
    const boxes = foldStages(results.stages);
    const depthOf = depths(boxes);
    for (const { role, reads } of boxes)
      for (const input of reads.keys())
        expect(depthOf.get(role)).toBeGreaterThan(depthOf.get(input) ?? Infinity);
  });

  test('of very many kinds of work tells only kinds apart', () => {
    const stages = Array.from({ length: 100 }, (_, index) => ({
      kind: 'finetune',
      key: `${index}`,
      title: `finetune model-${'x'.repeat(index)}`,
      inputs: [],
    }));
    expect(foldStages(stages)).toMatchObject([{ role: 'finetune', count: 100 }]);
  });

  test('ends where folding closes a circle', () => {
    const stages = [
      { kind: 'refine', key: 'a', title: 'refine x', inputs: [] },
      { kind: 'label', key: 'b', title: 'label x', inputs: ['a'] },
      { kind: 'refine', key: 'c', title: 'refine x', inputs: ['b'] },
    ];
    expect(depths(foldStages(stages)).size).toBe(2);
  });
});

test('the drawing tells what each box and line stands for', () => {
  const { markup } = drawGraph(results.stages);
  expect(markup).toContain('<title>320 × evaluate on test</title>');
  expect(markup).toContain('<title>4 × pretrain strong read shard corpus</title>');
});
