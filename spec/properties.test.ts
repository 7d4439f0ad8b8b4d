/** @file What holds for every sweep file, not only for those one thinks of. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { canonicalJson, type Json, type JsonObject } from '../base/json.js';
import { quickstart, safety, vocabulary } from '../test/vocabulary.js';
import { withoutDefaults } from './defaults.js';
import { SweepFileError } from './mistakes.js';
import { parseSweep, type LoadedSweep } from './sweep.js';

const load = (text: string, sets: string[] = []): LoadedSweep =>
  parseSweep(text, { source: 'x.yaml', vocabulary, sets, folder: '/sweeps' });

/** Everything but where things stand, which is the one thing that depends on how the file is written. */
function meaningOf(sweep: JsonObject, sets: string[] = []): Omit<LoadedSweep, 'where'> {
  const { where: _, ...meaning } = load(stringify(sweep), sets);
  return meaning;
}

const scalarOrList = (value: fc.Arbitrary<Json>, longest = 3): fc.Arbitrary<Json> =>
  fc.oneof(value, fc.uniqueArray(value, { minLength: 1, maxLength: longest, selector: canonicalJson }));
const small = (low = 1): fc.Arbitrary<Json> => fc.integer({ min: low, max: 50 });

const optimizer = {
  batch: scalarOrList(small(), 2),
  'learning-rate': fc.double({ min: 1e-6, max: 1, noNaN: true }),
  schedule: scalarOrList(fc.constantFrom('constant', 'linear', 'cosine'), 2),
};
const model = fc.record(
  {
    architecture: fc.constant('gpt'),
    layers: scalarOrList(small(), 2),
    width: fc.constantFrom(32, 64),
    heads: fc.constantFrom(1, 2, 4),
    pretrain: fc.record({ steps: small(0), ...optimizer }, { requiredKeys: [] }),
    finetune: fc.record({ steps: small() }, { requiredKeys: [] }),
  },
  { requiredKeys: ['architecture', 'layers', 'width', 'heads'] },
);
const task = fc.record(
  { generator: fc.constant('dialects'), dialect: scalarOrList(small(0)), nouns: scalarOrList(small()) },
  { requiredKeys: ['generator', 'dialect'] },
);
const sweeps: fc.Arbitrary<JsonObject> = fc.record(
  {
    name: fc.constant('x'),
    tasks: fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), task, { minKeys: 1 }),
    models: fc.record({ w: model, s: model }),
    pairs: fc.constant([{ weak: 'w', strong: 's' }]),
    finetune: fc.record({ epochs: scalarOrList(small(), 2) }, { requiredKeys: [] }),
    methods: fc.constant([{ naive: { labels: ['hard', 'soft'] } }, 'confidence']),
    seeds: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 4 })),
  },
  { requiredKeys: ['name', 'tasks', 'models', 'pairs', 'methods'] },
);

/** The same value with the keys of every mapping turned around. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

const runs = { numRuns: 30 };

describe('every sweep', () => {
  test('means the same whatever the order of its keys, down to the order of its trials', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        expect(JSON.stringify(meaningOf(reversed(sweep) as JsonObject))).toBe(
          JSON.stringify(meaningOf(sweep)),
        );
      }),
      runs,
    );
  });

  test('means the same in block style, in flow style and as JSON', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const { where: _, ...flow } = load(stringify(sweep, { collectionStyle: 'flow' }));
        const { where: __, ...json } = load(JSON.stringify(sweep));
        expect(flow).toEqual(meaningOf(sweep));
        expect(json).toEqual(meaningOf(sweep));
      }),
      runs,
    );
  });

  test('has as many tasks as its lists multiply to, each with a name of its own', () => {
    const lengthOf = (value: Json | undefined): number => (Array.isArray(value) ? value.length : 1);
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const tasks = Object.values(sweep['tasks'] as Record<string, JsonObject>);
        const expected = tasks.map((task) => lengthOf(task['dialect']) * lengthOf(task['nouns']));
        const labels = meaningOf(sweep).tasks.map((task) => task.label);
        expect(labels).toHaveLength(expected.reduce((sum, count) => sum + count, 0));
        expect(new Set(labels).size).toBe(labels.length);
      }),
      runs,
    );
  });

  test('says the same when what it resolves to is written out', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const { tasks } = meaningOf(sweep);
        const written = tasks.map((task, index) => [
          `t${index}`,
          { generator: task.definition, ...task.parameters },
        ]);
        const again = meaningOf({ ...sweep, tasks: Object.fromEntries(written) as JsonObject }).tasks;
        const parameters = (list: typeof tasks): string[] =>
          list.map((task) => canonicalJson(task.parameters)).sort();
        expect(parameters(again)).toEqual(parameters(tasks));
      }),
      runs,
    );
  });

  test('keeps its meaning when defaults are left out', () => {
    const schema = vocabulary.generators['dialects'];
    if (schema === undefined) throw new Error('the vocabulary has dialects');
    fc.assert(
      fc.property(sweeps, (sweep) => {
        for (const { parameters } of meaningOf(sweep).tasks) {
          const told = withoutDefaults(schema, parameters);
          expect(schema.parse(told)).toEqual(parameters);
          expect(told).not.toHaveProperty('dialects');
        }
      }),
      runs,
    );
  });
});

describe('whatever a file holds, all that comes of it is a sweep or its mistakes', () => {
  const survives = (text: string, sets: string[] = []): void => {
    try {
      load(text, sets);
    } catch (error) {
      if (!(error instanceof SweepFileError)) throw error;
      expect(error.mistakes.length).toBeGreaterThan(0);
      for (const { line, column, frame } of error.mistakes) {
        expect(line).toBeGreaterThan(0);
        expect(column).toBeGreaterThan(0);
        expect(frame).toContain('^');
      }
    }
  };

  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => survives(text)),
      { numRuns: 150 },
    );
  });

  test('any text made of what YAML is made of', () => {
    const pieces = fc.constantFrom(
      ...[
        'name',
        'tasks',
        'models',
        'methods',
        'seeds',
        ': ',
        '- ',
        '\n',
        '  ',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '*a',
        '&a ',
      ],
      ...[
        '<<',
        '"',
        "'",
        '!',
        '|',
        '>',
        '#',
        '---\n',
        '? ',
        '\t',
        'naive',
        '1',
        '.inf',
        'null',
        '__proto__',
        '%',
      ],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => survives(parts.join(''))),
      { numRuns: 100 },
    );
  });

  test('a good sweep with a piece cut out or put in anywhere', () => {
    const example = fc.constantFrom(quickstart, safety);
    const at = fc.integer({ min: 0, max: 900 });
    fc.assert(
      fc.property(example, at, at, fc.string({ maxLength: 6 }), (text, from, length, put) =>
        survives(text.slice(0, from) + put + text.slice(from + (length % 60))),
      ),
      { numRuns: 150 },
    );
  });

  test('any value in any place', () => {
    const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
    const place = fc.constantFrom(
      'name',
      'device',
      'tasks',
      'models',
      'pairs',
      'finetune',
      'methods',
      'controls',
      'seeds',
      'limits',
      'x',
    );
    fc.assert(
      fc.property(sweeps, place, value, (sweep, key, put) => survives(stringify({ ...sweep, [key]: put }))),
      { numRuns: 100 },
    );
  });

  test('any --set', () => {
    const path = fc.constantFrom(
      'seeds',
      'methods[0]',
      'methods[1].confidence',
      'tasks.dialects',
      'models.strong.pretrain',
      '',
    );
    fc.assert(
      fc.property(path, fc.string({ maxLength: 8 }), fc.string({ maxLength: 12 }), (start, more, value) =>
        survives(quickstart, [`${start}${more}=${value}`]),
      ),
      { numRuns: 150 },
    );
  });
});
