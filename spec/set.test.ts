/** @file `--set path=value`: what it changes, and what it says when it cannot. */
import { describe, expect, test } from 'vitest';
import { quickstart, safety, vocabulary } from '../test/vocabulary.js';
import { SweepFileError } from './mistakes.js';
import { parseSweep, type LoadedSweep } from './sweep.js';

const load = (text: string, ...sets: string[]): LoadedSweep =>
  parseSweep(text, { source: 'x.yaml', vocabulary, sets, folder: '/sweeps', cwd: '/here' });

function mistakesOf(text: string, ...sets: string[]): string[] {
  try {
    load(text, ...sets);
  } catch (error) {
    if (!(error instanceof SweepFileError)) throw error;
    return error.mistakes.map(
      ({ source, message, suggestion }) => `${source}: ${message}${suggestion ? ` → ${suggestion}` : ''}`,
    );
  }
  throw new Error('there is no mistake');
}

describe('a --set', () => {
  test('changes a value, adds one, and is read as YAML', () => {
    const sweep = load(quickstart, 'seeds=3', 'finetune.warmup=10', 'device=cuda', 'limits={attempts: 1}');
    expect(sweep.seeds).toEqual([0, 1, 2]);
    expect(sweep.models['weak']?.finetune.warmup).toBe(10);
    expect(sweep.device).toBe('cuda');
    expect(sweep.limits).toEqual({ 'trials-at-once': 200, attempts: 1 });
  });

  test('may give a list, one trial each', () => {
    const labels = load(quickstart, 'models.strong.width=[64, 96]').pairs.map((pair) => pair.strong);
    expect(labels).toEqual(['strong[width=64]', 'strong[width=96]']);
  });

  test('reaches into a list by number, and into a method that has no parameters yet', () => {
    const { methods } = load(quickstart, 'methods[0].naive.labels=hard', 'methods[1].confidence.alpha=0.9');
    expect(methods[0]?.label).toBe('naive');
    expect(methods[1]?.parameters).toMatchObject({ alpha: 0.9 });
  });

  test('reaches a model whose name has dots in it', () => {
    const text = quickstart.replace('strong:', 'gpt2.5:').replace('strong: strong', 'strong: gpt2.5');
    expect(load(text, 'models.gpt2.5.layers=3').models['gpt2.5']?.parameters['layers']).toBe(3);
    expect(load(text, 'models."gpt2.5".layers=3').models['gpt2.5']?.parameters['layers']).toBe(3);
  });

  test('without a value, or with null, takes a key away', () => {
    expect(load(quickstart, 'seeds=').seeds).toEqual([0]);
    expect(
      load(quickstart, 'finetune.steps=null', 'finetune.epochs=2').models['weak']?.finetune,
    ).toHaveProperty('epochs', 2);
  });

  test('makes what the file leaves out', () => {
    expect(load(safety, 'finetune.steps=7').models['weak']?.finetune.steps).toBe(7);
  });

  test('names a file from the current folder, not from that of the sweep', () => {
    expect(load(safety).tasks[0]?.files).toEqual({ file: '/sweeps/data/safety.csv' });
    expect(load(safety, 'tasks.safety.file=mine.csv').tasks[0]?.files).toEqual({ file: '/here/mine.csv' });
  });

  test('comes after those before it', () => {
    expect(load(quickstart, 'seeds=3', 'seeds=4').seeds).toHaveLength(4);
  });
});

describe('a mistaken --set', () => {
  test.each<[string, string[]]>([
    [
      'tasks.safty.file=/x.csv',
      ['--set tasks.safty.file=/x.csv: tasks has no "safty" in the file; it has safety. → safety'],
    ],
    [
      'metods[0]=naive',
      [
        '--set metods[0]=naive: a sweep has no "metods"; it has name, device, tasks, models, pairs, finetune, methods, controls, seeds, limits, scale, scales. → methods',
      ],
    ],
    [
      'methods[2]=naive',
      ['--set methods[2]=naive: methods is a list of 2: methods[0] (naive), methods[1] (confidence).'],
    ],
    [
      'methods.naive.labels=hard',
      [
        '--set methods.naive.labels=hard: methods is a list of 2: methods[0] (naive), methods[1] (confidence). → methods[0].naive.labels',
      ],
    ],
    [
      'finetune.lr=1',
      [
        '--set finetune.lr=1: unknown key "lr"; known keys: steps, epochs, batch, learning-rate, warmup, schedule, weight-decay, betas, clip-norm. → learning-rate',
      ],
    ],
    [
      'tasks.safety.label.x=1',
      [
        '--set tasks.safety.label.x=1: tasks.safety.label is "is_safe" and has nothing inside it that could be set.',
      ],
    ],
    [
      'seeds=many',
      [
        '--set seeds=many: found "many", expected a whole number from 1 to 10000, or a list of seeds like [0, 1, 2].',
      ],
    ],
    ['seeds=[1', ['--set seeds=[1: something is not closed or not ended: flow sequence must end with a ]']],
    [
      'seeds',
      [
        '--set seeds: a --set reads path=value, as in --set seeds=3 or --set tasks.safety.file=/data/safety.csv.',
      ],
    ],
    [
      '=3',
      [
        '--set =3: a --set reads path=value, as in --set seeds=3 or --set tasks.safety.file=/data/safety.csv.',
      ],
    ],
    [
      'a..b=3',
      ['--set a..b=3: "a..b" is not a path; paths look like models.strong.width or methods[0].naive.labels.'],
    ],
  ])('%s', (set, expected) => {
    expect(mistakesOf(safety, set)).toEqual(expected);
  });

  test('shows which part of the argument is meant', () => {
    const frameOf = (set: string): string | undefined => {
      try {
        load(safety, set);
      } catch (error) {
        if (error instanceof SweepFileError) return error.mistakes[0]?.frame;
      }
      return undefined;
    };
    expect(frameOf('tasks.safety.splits={A: 0.3, B: 2, test: 0.2}')).toBe(
      '--set | tasks.safety.splits={A: 0.3, B: 2, test: 0.2}\n      |                                 ^',
    );
    expect(frameOf('models.stong.width=8')).toBe('--set | models.stong.width=8\n      |        ^^^^^');
  });
});
