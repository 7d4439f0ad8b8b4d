/** @file What a sweep file means: lists, defaults, names, and what belongs together. */
import { describe, expect, test } from 'vitest';
import { quickstart, safety, vocabulary } from '../test/vocabulary.js';
import { parseSweep, type LoadedSweep } from './sweep.js';

const parse = (text: string): LoadedSweep =>
  parseSweep(text, { source: 'x.yaml', vocabulary, folder: '/sweeps' });

/** A sweep of two models with the given lines in it. */
const sweepWith = (lines: string): LoadedSweep => parse(smallSweep(lines));

function smallSweep(lines: string): string {
  const given = new Set(lines.split('\n').map((line) => /^\w+/.exec(line)?.[0]));
  const standard: Record<string, string> = {
    name: 'x',
    tasks: '{ d: { generator: dialects, dialect: 0 } }',
    models:
      '{ w: { architecture: gpt, layers: 1, width: 8, heads: 2 }, s: { architecture: gpt, layers: 2, width: 8, heads: 2 } }',
    pairs: '[{ weak: w, strong: s }]',
    methods: '[naive]',
  };
  const rest = Object.entries(standard).filter(([key]) => !given.has(key));
  return [...rest.map(([key, value]) => `${key}: ${value}`), lines].join('\n');
}

describe('the quickstart', () => {
  const sweep = parse(quickstart);

  test('has a task for each dialect', () => {
    expect(sweep.tasks.map((task) => task.label)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((dialect) => `dialects[dialect=${dialect}]`),
    );
    expect(sweep.tasks[3]).toEqual({
      label: 'dialects[dialect=3]',
      name: 'dialects',
      values: { dialect: 3 },
      kind: 'generator',
      definition: 'dialects',
      parameters: { dialect: 3, dialects: 8, nouns: 128 },
      files: {},
    });
  });

  test('has its methods in the order of the file, each with what tells it apart', () => {
    expect(sweep.methods.map((method) => method.label)).toEqual([
      'naive labels=hard',
      'naive labels=soft',
      'confidence',
      'icl-refinement examples=4 contexts=1',
      'icl-refinement examples=4 contexts=4',
      'icl-refinement examples=12 contexts=1',
      'icl-refinement examples=12 contexts=4',
      'icl-refinement examples=23 contexts=1',
      'icl-refinement examples=23 contexts=4',
    ]);
    expect(sweep.methods[2]?.parameters).toEqual({ alpha: 0.5, warmup: 0.2 });
  });

  test('has the standard controls, two seeds, its limits', () => {
    expect(sweep.controls.map((control) => control.label)).toEqual(Object.keys(vocabulary.controls));
    expect(sweep.seeds).toEqual([0, 1]);
    expect(sweep.limits).toEqual({ 'trials-at-once': 200, attempts: 3 });
  });

  test('fills in how its models are trained', () => {
    expect(sweep.models['strong']?.pretrain).toEqual({
      steps: 900,
      batch: 64,
      'learning-rate': 2e-3,
      warmup: 50,
      schedule: 'cosine',
      'weight-decay': 0,
      betas: [0.9, 0.999],
      'clip-norm': 0,
    });
    expect(sweep.models['weak']?.finetune).toMatchObject({ steps: 200, batch: 32, 'learning-rate': 5e-4 });
  });

  test('knows where everything stands', () => {
    expect(sweep.where['models.strong.width']).toBe('x.yaml:11:12');
    expect(sweep.where['methods[2].icl-refinement.examples[1]']).toBe('x.yaml:20:37');
  });
});

test('a file of the user’s is found from the folder of the sweep', () => {
  expect(parse(safety).tasks[0]).toMatchObject({
    kind: 'file',
    definition: 'classification',
    files: { file: '/sweeps/data/safety.csv' },
    parameters: { file: 'data/safety.csv', splits: { A: 0.3, B: 0.4, validation: 0.1, test: 0.2 } },
  });
});

describe('any value may be a list', () => {
  test('in the parameters of a model, and the pair goes with it', () => {
    const { models, pairs } = sweepWith(
      'models: { w: { architecture: gpt, layers: [1, 2], width: 8, heads: 2 }, s: { architecture: gpt, layers: 3, width: 8, heads: 2, pretrain: { steps: [0, 100] } } }',
    );
    expect(Object.keys(models)).toEqual([
      's[pretrain.steps=0]',
      's[pretrain.steps=100]',
      'w[layers=1]',
      'w[layers=2]',
    ]);
    expect(pairs).toEqual([
      { weak: 'w[layers=1]', strong: 's[pretrain.steps=0]' },
      { weak: 'w[layers=1]', strong: 's[pretrain.steps=100]' },
      { weak: 'w[layers=2]', strong: 's[pretrain.steps=0]' },
      { weak: 'w[layers=2]', strong: 's[pretrain.steps=100]' },
    ]);
  });

  test('where the value is a list itself, a list of lists', () => {
    const { models } = sweepWith('finetune: { betas: [[0.9, 0.95], [0.9, 0.999]] }');
    expect(Object.values(models).map((model) => model.finetune.betas)).toEqual([
      [0.9, 0.95],
      [0.9, 0.95],
      [0.9, 0.999],
      [0.9, 0.999],
    ]);
    expect(Object.values(sweepWith('finetune: { betas: [0.8, 0.9] }').models)[0]?.values).toEqual({});
  });

  test('of a mapping, a list of mappings', () => {
    const { methods } = sweepWith('methods: [confidence: [{ alpha: 0.5 }, { alpha: 0.75, warmup: 0.1 }]]');
    expect(methods.map((method) => method.parameters)).toEqual([
      { alpha: 0.5, warmup: 0.2 },
      { alpha: 0.75, warmup: 0.1 },
    ]);
  });

  test('in a pair', () => {
    expect(sweepWith('pairs: [{ weak: [w, s], strong: s }]').pairs).toEqual([
      { weak: 'w', strong: 's' },
      { weak: 's', strong: 's' },
    ]);
  });

  test('in the sweep’s own finetune, and then both models of a pair take the same value', () => {
    const { pairs } = sweepWith('finetune: { steps: [5, 200] }');
    expect(pairs).toEqual([
      { weak: 'w[finetune.steps=5]', strong: 's[finetune.steps=5]' },
      { weak: 'w[finetune.steps=200]', strong: 's[finetune.steps=200]' },
    ]);
  });
});

describe('fine-tuning', () => {
  const models = (own: string): string =>
    `models: { w: { architecture: gpt, layers: 1, width: 8, heads: 2 }, s: { architecture: gpt, layers: 2, width: 8, heads: 2, finetune: ${own} } }`;

  test('takes the model’s settings over the sweep’s over the defaults', () => {
    const sweep = sweepWith(
      `finetune: { steps: 50, batch: 8 }\n${models('{ batch: 16, schedule: linear }')}`,
    );
    expect(sweep.models['s']?.finetune).toMatchObject({
      steps: 50,
      batch: 16,
      schedule: 'linear',
      warmup: 0,
    });
    expect(sweep.models['w']?.finetune).toMatchObject({ steps: 50, batch: 8, schedule: 'cosine' });
  });

  test('counts in epochs or in steps, whichever the model says', () => {
    const sweep = sweepWith(`finetune: { steps: 50 }\n${models('{ epochs: 2 }')}`);
    expect(sweep.models['s']?.finetune).toHaveProperty('epochs', 2);
    expect(sweep.models['s']?.finetune).not.toHaveProperty('steps');
  });

  test('is not told apart by a value of the sweep’s that a model overrides', () => {
    const sweep = sweepWith(`finetune: { steps: [5, 200] }\n${models('{ epochs: 2 }')}`);
    expect(sweep.pairs).toEqual([
      { weak: 'w[finetune.steps=5]', strong: 's' },
      { weak: 'w[finetune.steps=200]', strong: 's' },
    ]);
  });
});

test('uses of one method that differ in a parameter are told apart by it, without any list', () => {
  const { methods } = sweepWith('methods: [naive: { labels: hard }, naive, confidence: { alpha: 0.75 }]');
  expect(methods.map((method) => method.label)).toEqual([
    'naive labels=hard',
    'naive labels=soft',
    'confidence',
  ]);
});

test.each([
  ['3', [0, 1, 2]],
  ['[7, 3]', [7, 3]],
])('seeds: %s', (text, seeds) => {
  expect(sweepWith(`seeds: ${text}`).seeds).toEqual(seeds);
});

test.each([
  ['none', []],
  [
    '[ceiling-on-a, random-labels: { labels: [hard, soft] }]',
    ['ceiling-on-a', 'random-labels labels=hard', 'random-labels labels=soft'],
  ],
])('controls: %s', (text, labels) => {
  expect(sweepWith(`controls: ${text}`).controls.map((control) => control.label)).toEqual(labels);
});

test('anchors, aliases and merge keys do what they do elsewhere', () => {
  const { models } = sweepWith(`models:
  w: &small { architecture: gpt, layers: 1, width: 8, heads: 2 }
  s: { <<: *small, layers: 4 }`);
  expect(models['s']?.parameters).toEqual({ layers: 4, width: 8, heads: 2 });
});

test('a mapping with nothing in it may be left empty', () => {
  const { methods, models } = sweepWith(`finetune:
methods:
  - confidence:
  - naive:
      # labels: hard`);
  expect(methods.map((method) => method.label)).toEqual(['confidence', 'naive']);
  expect(models['w']?.finetune.steps).toBe(200);
});
