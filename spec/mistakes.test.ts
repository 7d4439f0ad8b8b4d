/** @file Every mistake that a stranger makes in a sweep file, and what is said back. */
import { describe, expect, test } from 'vitest';
import { ExitCode } from '../base/errors.js';
import { quickstart, vocabulary } from '../test/vocabulary.js';
import { SweepFileError, type SweepMistake } from './mistakes.js';
import { parseSweep } from './sweep.js';

function errorOf(text: string): SweepFileError {
  try {
    parseSweep(text, { source: 'sweeps/x.yaml', vocabulary });
  } catch (error) {
    if (error instanceof SweepFileError) return error;
    throw error;
  }
  throw new Error('the sweep has no mistakes');
}

/** line:column path: message [→ what was probably meant] */
const told = ({ line, column, path, message, suggestion }: SweepMistake): string =>
  `${line}:${column} ${path}: ${message}${suggestion === undefined ? '' : ` → ${suggestion}`}`;

describe('one mistake in the quickstart', () => {
  test.each<[string, string, string, string[]]>([
    [
      'unknown key at the top',
      'seeds: 2',
      'seed: 2',
      [
        '22:1 seed: unknown key "seed"; a sweep has name, device, tasks, models, pairs, finetune, methods, controls, seeds, limits, scale, scales. → seeds',
      ],
    ],
    [
      'a key as other tools call it',
      'learning-rate: 5e-4',
      'lr: 5e-4',
      [
        '16:36 finetune.lr: unknown key "lr"; known keys: steps, epochs, batch, learning-rate, warmup, schedule, weight-decay, betas, clip-norm. → learning-rate',
      ],
    ],
    [
      'a key that belongs one level deeper',
      '    layers: 2',
      '    layers: 2\n    steps: 9',
      [
        '11:5 models.strong.steps: unknown key "steps"; known keys: layers, width, heads, context, architecture, pretrain, finetune. (steps belongs inside pretrain or finetune.)',
      ],
    ],
    [
      'wrong type',
      'width: 96',
      'width: wide',
      ['11:12 models.strong.width: found "wide", expected a whole number, 1 or more.'],
    ],
    [
      'a mapping for a number',
      'width: 96',
      'width: { min: 8, max: 96 }',
      ['11:12 models.strong.width: found a mapping (min, max), expected a whole number, 1 or more.'],
    ],
    [
      'a number in quotes',
      'width: 96',
      'width: "96"',
      [
        '11:12 models.strong.width: found "96", expected a whole number, 1 or more. → 96 (a number, without quotes)',
      ],
    ],
    [
      'a number with a separator',
      'steps: 1200',
      'steps: 1_200',
      [
        '7:81 models.weak.pretrain.steps: found "1_200", expected a whole number, 0 or more. → 1200 (a number, without quotes)',
      ],
    ],
    [
      'nothing for a number',
      'width: 96',
      'width:',
      ['11:11 models.strong.width: found nothing, expected a whole number, 1 or more.'],
    ],
    [
      'negative count',
      'layers: 2',
      'layers: -2',
      ['10:13 models.strong.layers: found -2, expected a whole number, 1 or more.'],
    ],
    [
      'not a whole number',
      'layers: 2',
      'layers: 2.5',
      ['10:13 models.strong.layers: found 2.5, expected a whole number, 1 or more.'],
    ],
    [
      'endless number',
      'width: 96',
      'width: .inf',
      ['11:12 models.strong.width: found endless (.inf), expected a whole number, 1 or more.'],
    ],
    [
      'no number at all',
      'learning-rate: 5e-4',
      'learning-rate: .nan',
      ['16:51 finetune.learning-rate: found not a number (.nan), expected a number above 0.'],
    ],
    [
      'one number for two',
      'warmup: 50',
      'betas: 0.9',
      [
        '13:68 models.strong.pretrain.betas: found 0.9, expected a list of 2: a number 0 or more and below 1; a number 0 or more and below 1.',
      ],
    ],
    [
      'a number out of range inside a list',
      'warmup: 50',
      'betas: [0.9, 1]',
      ['13:74 models.strong.pretrain.betas[1]: found 1, expected a number 0 or more and below 1.'],
    ],
    [
      'not a choice',
      '[hard, soft]',
      '[hrad, soft]',
      ['18:23 methods[0].naive.labels[0]: found "hrad", expected one of hard, soft. → hard'],
    ],
    [
      'an empty list',
      '[hard, soft]',
      '[]',
      [
        '18:22 methods[0].naive.labels: an empty list leaves nothing to try; expected one of hard, soft, or a list of such values for one trial each.',
      ],
    ],
    [
      'the same value twice',
      '[4, 12, 23]',
      '[4, 12, 4]',
      [
        '20:41 methods[2].icl-refinement.examples[2]: 4 stands in this list twice (also as number 1); the same trial would be run twice.',
      ],
    ],
    [
      'a list too deep',
      '[1, 4]',
      '[[1, 4]]',
      ['20:57 methods[2].icl-refinement.contexts[0]: found a list of 2, expected a whole number, 1 or more.'],
    ],
    [
      'a missing parameter',
      'examples: [4, 12, 23], ',
      '',
      [
        '20:21 methods[2].icl-refinement.examples: examples is missing; expected a whole number, 0 or more (weak-labelled examples in context).',
      ],
    ],
    [
      'a pair naming no model',
      'strong: strong',
      'strong: stron',
      ['15:27 pairs[0].strong: there is no model "stron"; there is strong, weak. → strong'],
    ],
    [
      'a pair without a weak model',
      'weak: weak, strong: strong',
      'strong: strong',
      [
        '15:5 pairs[0].weak: weak is missing; expected one of strong, weak (the model that is trained on the truth of A and labels B).',
      ],
    ],
    [
      'a pair twice',
      'pairs:',
      'pairs:\n  - { strong: strong, weak: weak }',
      ['16:5 pairs[1]: weak → strong stands in pairs twice (also as pairs[0]); keep one.'],
    ],
    [
      'pairs that are no list',
      '  - { weak: weak, strong: strong }',
      '  { weak: weak, strong: strong }',
      [
        '15:3 pairs: found a mapping (weak, strong), expected a list of pairs, each "- { weak: MODEL, strong: MODEL }", or { grid: [MODEL, …] }.',
      ],
    ],
    [
      'no method of this name',
      '- confidence',
      '- confidense',
      [
        '19:5 methods[1]: there is no method "confidense"; there is naive, confidence, icl-refinement. → confidence',
      ],
    ],
    [
      'a method twice',
      '- confidence',
      '- naive: { labels: soft }',
      [
        '19:5 methods[1]: this is the same method with the same parameters as methods[0]; every trial of it would be run twice.',
      ],
    ],
    [
      'a parameter beside its method',
      '- confidence',
      '- confidence:\n    alpha: 0.5',
      [
        '20:5 methods[1].alpha: alpha stands beside confidence, not inside it; indent it further, or write "- confidence: { alpha: … }".',
      ],
    ],
    [
      'two methods in one entry',
      '- confidence',
      '- confidence:\n    naive:',
      [
        '20:5 methods[1].naive: confidence and naive stand in one entry of the list; put "- " before each method.',
      ],
    ],
    [
      'a method that is a number',
      '- confidence',
      '- 3',
      ['19:5 methods[1]: found 3, expected the name of a method, or "NAME: { parameters }".'],
    ],
    [
      'no generator of this name',
      'generator: dialects',
      'generator: dialect',
      ['5:26 tasks.dialects.generator: there is no generator "dialect"; there is dialects. → dialects'],
    ],
    [
      'nothing that says which task it is',
      'generator: dialects, ',
      '',
      [
        '5:13 tasks.dialects: nothing says which task this is; expected generator: dialects, or type: classification.',
      ],
    ],
    [
      'two things that say which task it is',
      'generator: dialects',
      'generator: dialects, type: classification',
      ['5:36 tasks.dialects.type: a task has either generator or type, and this one has both; remove one.'],
    ],
    [
      'a task that is not a mapping',
      '{ generator: dialects, dialect: [0, 1, 2, 3, 4, 5, 6, 7] }',
      'dialects',
      [
        '5:13 tasks.dialects: found "dialects", expected a mapping, as in "dialects: { generator: dialects }".',
      ],
    ],
    [
      'no architecture of this name',
      'architecture: gpt, layers: 1',
      'architecture: gtp, layers: 1',
      ['7:25 models.weak.architecture: there is no architecture "gtp"; there is gpt. → gpt'],
    ],
    [
      'values that do not go together',
      'heads: 4',
      'heads: 5',
      ['12:12 models.strong.heads: 5 heads do not divide a width of 96.'],
    ],
    [
      'steps and epochs',
      'steps: 200',
      'steps: 200, epochs: 2',
      ['16:33 finetune.epochs: steps and epochs are two ways to say the same: give one of them.'],
    ],
    [
      'a seed twice',
      'seeds: 2',
      'seeds: [0, 1, 0]',
      ['22:15 seeds[2]: seed 0 stands in the list twice; the same trials would be run twice.'],
    ],
    [
      'no seeds',
      'seeds: 2',
      'seeds: 0',
      ['22:8 seeds: found 0, expected a whole number from 1 to 10000, or a list of seeds like [0, 1, 2].'],
    ],
    [
      'a negative seed',
      'seeds: 2',
      'seeds: [0, -1]',
      ['22:12 seeds[1]: found -1, expected a whole number, 0 or more.'],
    ],
    [
      'controls misspelt',
      'controls: standard',
      'controls: standrad',
      ['21:11 controls: found "standrad", expected standard, none, or a list of controls. → standard'],
    ],
    [
      'no control of this name',
      'controls: standard',
      'controls: [zero-shoot]',
      [
        '21:12 controls[0]: there is no control "zero-shoot"; there is zero-shot, zero-examples, random-labels, ceiling-on-a. → zero-shot',
      ],
    ],
    [
      'a device that there is not',
      'device: cpu',
      'device: gpu',
      ['3:9 device: found "gpu", expected one of cpu, webgpu, cuda. → cuda'],
    ],
    [
      'a list of devices',
      'device: cpu',
      'device: [cpu, cuda]',
      ['3:9 device: found a list of 2, expected one of cpu, webgpu, cuda.'],
    ],
    [
      'limits as lists',
      'attempts: 3',
      'attempts: [1, 3]',
      ['23:9 limits: limits hold for the sweep as a whole and cannot be lists.'],
    ],
    [
      'a name that is no name',
      'name: quickstart',
      'name: quick/start',
      [
        '2:7 name: found "quick/start", expected letters, digits, ".", "_" and "-", starting with a letter or a digit, at most 100.',
      ],
    ],
    [
      'a name that is a number',
      'name: quickstart',
      'name: 3',
      ['2:7 name: found 3, expected a text. → "3" (a text, in quotes)'],
    ],
    [
      'a model named as no model can be',
      '  weak: {',
      '  we ak: {',
      [
        '7:3 models.we ak: "we ak" cannot be a name; names are letters, digits, ".", "_" and "-", starting with a letter or a digit, at most 100.',
        '15:13 pairs[0].weak: there is no model "weak"; there is strong, we ak. → we ak',
      ],
    ],
    [
      'a key twice',
      'seeds: 2',
      'seeds: 2\nseeds: 3',
      ['23:1 : "seeds" is written twice in the same mapping, here and on line 22; keep one.'],
    ],
    [
      'a task twice',
      'models:',
      '  dialects: { generator: dialects, dialect: 1 }\nmodels:',
      ['6:3 : "dialects" is written twice in the same mapping, here and on line 5; keep one.'],
    ],
    [
      'a missing section',
      'pairs:\n  - { weak: weak, strong: strong }\n',
      '',
      [
        '2:1 pairs: pairs is missing; it says who supervises whom: a list of { weak: MODEL, strong: MODEL }, or { grid: [MODEL, …] }.',
      ],
    ],
    [
      'more trials than anyone wants',
      'dialect: [0, 1, 2, 3, 4, 5, 6, 7]',
      `dialect: &many [${Array.from({ length: 200 }, (_, i) => i + 1).join(', ')}], nouns: *many`,
      [
        '5:952 tasks.dialects.nouns: these lists multiply to 40000 or more; the most that one entry may expand to is 10000.',
      ],
    ],
  ])('%s', (_what, right, wrong, expected) => {
    expect(quickstart).toContain(right);
    expect(errorOf(quickstart.replace(right, wrong)).mistakes.map(told)).toEqual(expected);
  });
});

describe('the error', () => {
  const broken = `nam: demo
tasks:
  dialects: { generatr: dialects, dialect: [0, -1] }
models:
  weak: { architecture: gpt, layers: 1, width: 32, heads: 2 }
pairs:
  - { weak: week, strong: weak }
methods:
  - naive:
    labels: hrad
`;

  test('names every mistake at once, as one meets them reading the file, each with its line and a caret', () => {
    expect(errorOf(broken).message).toBe(`\
sweeps/x.yaml has 5 mistakes; nothing was started.

sweeps/x.yaml:1:1  nam
  unknown key "nam"; a sweep has name, device, tasks, models, pairs, finetune, methods, controls, seeds, limits, scale, scales. Did you mean name?
  1 | nam: demo
    | ^^^

sweeps/x.yaml:3:15  tasks.dialects.generatr
  unknown key "generatr", and nothing else says which task this is; expected generator: dialects, or type: classification. Did you mean generator?
  3 |   dialects: { generatr: dialects, dialect: [0, -1] }
    |               ^^^^^^^^

sweeps/x.yaml:3:48  tasks.dialects.dialect[1]
  found -1, expected a whole number, 0 or more.
  3 |   dialects: { generatr: dialects, dialect: [0, -1] }
    |                                                ^^

sweeps/x.yaml:7:13  pairs[0].weak
  there is no model "week"; there is weak. Did you mean weak?
  7 |   - { weak: week, strong: weak }
    |             ^^^^

sweeps/x.yaml:10:5  methods[0].labels
  labels stands beside naive, not inside it; indent it further, or write "- naive: { labels: … }".
  10 |     labels: hrad
     |     ^^^^^^`);
  });

  test('is the user’s mistake, not the machine’s', () => {
    expect(errorOf(broken).exitCode).toBe(ExitCode.usersMistake);
  });

  test('can be read by a program', () => {
    const json = JSON.parse(JSON.stringify(errorOf('name: x\nseeds: -1'))) as { mistakes: unknown[] };
    expect(json.mistakes.at(-1)).toEqual({
      code: 'wrong-value',
      source: 'sweeps/x.yaml',
      line: 2,
      column: 8,
      endColumn: 10,
      path: 'seeds',
      message: 'found -1, expected a whole number from 1 to 10000, or a list of seeds like [0, 1, 2].',
      found: '-1',
      expected: 'a whole number from 1 to 10000, or a list of seeds like [0, 1, 2]',
      frame: '2 | seeds: -1\n  |        ^^',
    });
  });
});
