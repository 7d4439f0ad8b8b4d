/** @file What holds for the plan of every sweep, not only for those one thinks of. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { canonicalJson, type Json, type JsonObject } from '../base/json.js';
import type { AnswerKind } from '../datasets/task.js';
import type { Method } from '../methods/definition/method.js';
import { controls, methods } from '../methods/definition/registry.js';
import { finetuneSchema, parseSweep, pretrainSchema } from '../spec/index.js';
import { planOf, tinyModels, tinySweep } from '../test/sweeps.js';
import { planSweep, type Plan } from './plan.js';
import { inputKeys, type Stage, type StageKey } from './stage.js';
import { trialsPerBatch, type Trial } from './tree.js';
import { vocabulary } from './vocabulary.js';

const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const oneOrSome = <T extends Json>(...values: T[]): fc.Arbitrary<Json> =>
  fc.oneof(one(...values), fc.uniqueArray(one(...values), { minLength: 1, maxLength: 3 }));

const model: fc.Arbitrary<JsonObject> = fc.record(
  {
    architecture: one('gpt'),
    layers: one(1, 2),
    width: one(16, 32),
    heads: one(2, 4),
    context: one(128, 64),
    tokenizer: one('words', 'bytes'),
    pretrain: fc.record(
      { steps: one(0, 5, 9), batch: one(64, 8), warmup: one(50, 3) },
      { requiredKeys: ['steps'] },
    ),
    finetune: fc.record({ steps: one(200, 7), 'learning-rate': one(5e-4, 1e-3) }, { requiredKeys: [] }),
  },
  { requiredKeys: ['architecture', 'layers', 'width'] },
);
const dialects: fc.Arbitrary<JsonObject> = fc.record(
  {
    generator: one('dialects'),
    dialect: oneOrSome(0, 1, 2, 3, 4, 5, 6, 7),
    nouns: one(128, 200),
    noise: one(0.1, 0.2),
    documents: one(76_800, 100),
  },
  { requiredKeys: ['generator'] },
);
const classification: fc.Arbitrary<JsonObject> = fc.record(
  { type: one('classification'), file: one('a.csv', 'b.csv'), text: one('text', 'prompt') },
  { requiredKeys: ['type', 'file'] },
);
const naive: fc.Arbitrary<Json> = fc.oneof(
  one<Json>('naive'),
  fc.record({ naive: fc.record({ labels: oneOrSome('hard', 'soft') }) }),
);
const confidence: fc.Arbitrary<Json> = fc.record({
  confidence: fc.record({ alpha: oneOrSome(0.5, 0.75), warmup: one(0.1, 0) }, { requiredKeys: [] }),
});
const refinement: fc.Arbitrary<Json> = fc.record({
  'icl-refinement': fc.record(
    { examples: oneOrSome(4, 12, 23), contexts: oneOrSome(1, 4) },
    { requiredKeys: [] },
  ),
});

/** Sweeps over some tasks of one kind, two models and perhaps both directions of them, some methods and seeds. */
const sweeps: fc.Arbitrary<JsonObject> = one('dialects', 'classification').chain((kind) => {
  const isLanguage = kind === 'dialects';
  return fc.record({
    name: one('generated'),
    tasks: fc.dictionary(one('t', 'u'), isLanguage ? dialects : classification, { minKeys: 1 }),
    models: fc.record({ weak: model, strong: model }),
    pairs: fc.uniqueArray(
      one(
        { weak: 'weak', strong: 'strong' },
        { weak: 'weak', strong: 'weak' },
        { weak: 'strong', strong: 'weak' },
      ),
      { minLength: 1, maxLength: 2, selector: canonicalJson },
    ),
    methods: fc
      .tuple(naive, fc.option(confidence), fc.option(isLanguage ? refinement : fc.constant(null)))
      .map((chosen) => chosen.filter((entry) => entry !== null)),
    controls: fc.oneof(
      one<Json>('standard', 'none'),
      fc.subarray(['random-labels', 'ceiling-on-a'], { minLength: 1 }),
    ),
    seeds: fc.oneof(
      fc.integer({ min: 1, max: 4 }),
      fc.uniqueArray(fc.nat(99), { minLength: 1, maxLength: 4 }),
    ),
  });
});

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

const keysOf = (plan: Plan): StageKey[] => plan.stages.map(({ key }) => key);
const sortedKeys = (content: JsonObject): StageKey[] => keysOf(planOf(content)).sort();
const trialsOf = (plan: Plan): Trial[] => plan.cells.flatMap(({ trials }) => trials);
const byKey = (plan: Plan): Map<StageKey, Stage> => new Map(plan.stages.map((stage) => [stage.key, stage]));

/** Everything behind a stage, itself included. */
function behind(stages: Map<StageKey, Stage>, key: StageKey, seen = new Set<StageKey>()): Set<StageKey> {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const input of inputKeys(stages.get(key)!)) behind(stages, input, seen);
  return seen;
}

const runs = { numRuns: 40 };

/** The methods that a task answered so can carry, and that need no word from the user (which models a chain runs through). */
function carriedBy(answer: AnswerKind): Method[] {
  const task = { name: 't', definition: 't', answer, hasOracle: false, hasParaphrases: false };
  return Object.values(methods).filter((method) => {
    const defaults = method.parameters.safeParse({});
    return (
      defaults.success &&
      (method.answers?.includes(answer) ?? true) &&
      method.refuses?.(task, defaults.data) === undefined
    );
  });
}

describe('the plan of every sweep', () => {
  it('is the same whatever the order of the keys in the file, to the last byte', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        expect(JSON.stringify(planOf(reversed(sweep) as JsonObject))).toBe(JSON.stringify(planOf(sweep)));
      }),
      runs,
    );
  });

  it('has every stage once, inputs before those who use them', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const plan = planOf(sweep);
        const seen = new Set<StageKey>();
        for (const stage of plan.stages) {
          expect(seen.has(stage.key)).toBe(false);
          for (const input of inputKeys(stage)) expect(seen.has(input)).toBe(true);
          seen.add(stage.key);
        }
        for (const { evaluation } of trialsOf(plan)) expect(seen.has(evaluation)).toBe(true);
        for (const { items } of plan.data) expect(seen.has(items)).toBe(true);
      }),
      runs,
    );
  });

  it('has every stage once in its tree, in the lowest workflow that covers everyone who needs it', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const plan = planOf(sweep);
        const stages = byKey(plan);
        const batchOf = new Map(
          plan.tree.batches.flatMap(({ index, trials }) => trials.map(({ trial }) => [trial.id, index])),
        );
        const placed: [StageKey, string][] = [
          ...plan.tree.stages.map((key): [StageKey, string] => [key, 'sweep']),
          ...plan.tree.batches.flatMap((batch) => [
            ...batch.stages.map((key): [StageKey, string] => [key, `batch ${batch.index}`]),
            ...batch.trials.flatMap(({ trial, stages: own }) =>
              own.map((key): [StageKey, string] => [key, trial.id]),
            ),
          ]),
        ];
        expect(placed.map(([key]) => key).sort()).toEqual([...stages.keys()].sort());

        const users = new Map<StageKey, string[]>();
        for (const { id, evaluation } of trialsOf(plan))
          for (const key of behind(stages, evaluation)) users.set(key, [...(users.get(key) ?? []), id]);
        for (const [key, place] of placed) {
          const trials = users.get(key)!;
          const batches = new Set(trials.map((id) => batchOf.get(id)));
          const lowest = trials.length === 1 ? trials[0] : `batch ${batchOf.get(trials[0]!)}`;
          expect(place).toBe(batches.size === 1 ? lowest : 'sweep');
        }
      }),
      runs,
    );
  });

  it('tells every workflow what it waits for, inputs before users, and keeps cells whole', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const plan = planOf(sweep);
        const stages = byKey(plan);
        /** Starts `own` stage by stage on top of what is there. */
        const start = (own: readonly StageKey[], there: Set<StageKey>): Set<StageKey> => {
          for (const key of own) {
            for (const input of inputKeys(stages.get(key)!)) expect(there.has(input)).toBe(true);
            there.add(key);
          }
          return there;
        };
        const above = start(plan.tree.stages, new Set());
        for (const batch of plan.tree.batches) {
          for (const key of batch.needs) expect(above.has(key)).toBe(true);
          // Nothing but what it says it needs is there when it starts.
          const inBatch = start(batch.stages, new Set(batch.needs));
          for (const { trial, stages: own, needs } of batch.trials) {
            for (const key of needs) expect(inBatch.has(key)).toBe(true);
            expect(start(own, new Set(needs)).has(trial.evaluation)).toBe(true);
          }
        }
        const order = plan.tree.batches.flatMap(({ trials }) => trials.map(({ trial }) => trial.id));
        expect(order).toEqual(trialsOf(plan).map(({ id }) => id));
        expect(new Set(order).size).toBe(order.length);
        expect(plan.tree.batches.flatMap(({ cells }) => cells)).toEqual(plan.cells.map(({ id }) => id));
        for (const { trials } of plan.tree.batches) expect(trials.length).toBeLessThanOrEqual(trialsPerBatch);
      }),
      runs,
    );
  });

  it('calls stages by different titles, so that a failure says which one it was', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const titles = planOf(sweep).stages.map(({ title }) => title);
        expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
      }),
      runs,
    );
  });

  it('has the same keys when models and tasks have other names', () => {
    const renamed = (sweep: JsonObject): JsonObject => {
      const { t, u, ...none } = sweep['tasks'] as JsonObject;
      const { weak, strong } = sweep['models'] as { weak: Json; strong: Json };
      const names: Record<string, string> = { weak: 'zwerg', strong: 'adler' };
      return {
        ...sweep,
        // The other way round in the alphabet.
        tasks: { ...none, ...(t === undefined ? {} : { z: t }), ...(u === undefined ? {} : { a: u }) },
        models: { zwerg: weak, adler: strong },
        pairs: (sweep['pairs'] as { weak: string; strong: string }[]).map((pair) => ({
          weak: names[pair.weak]!,
          strong: names[pair.strong]!,
        })),
      };
    };
    fc.assert(
      fc.property(sweeps, (sweep) => {
        expect(sortedKeys(renamed(sweep))).toEqual(sortedKeys(sweep));
      }),
      runs,
    );
  });

  it('has the same keys when every default is written out', () => {
    const told = (schema: { parse(value: unknown): unknown }, given: Json | undefined): JsonObject =>
      schema.parse(given ?? {}) as JsonObject;
    const inFull = (sweep: JsonObject): JsonObject => ({
      ...sweep,
      tasks: mapped(sweep['tasks'], ({ generator, type, dialect, file, ...rest }) =>
        type === undefined
          ? {
              generator: generator!,
              dialect: dialect ?? 0,
              ...told(vocabulary.generators['dialects']!, rest),
              ...(dialect === undefined ? {} : { dialect }),
            }
          : {
              type,
              ...told(vocabulary.fileTasks['classification']!, { file: file!, format: 'csv', ...rest }),
            },
      ),
      models: mapped(sweep['models'], ({ architecture, pretrain, finetune, ...rest }) => ({
        architecture: architecture!,
        ...told(vocabulary.architectures['gpt']!, rest),
        pretrain: told(pretrainSchema, pretrain),
        finetune: told(finetuneSchema, { steps: 200, ...(finetune as JsonObject) }),
      })),
      methods: (sweep['methods'] as Json[]).map((entry): Json => {
        const [name, given] =
          typeof entry === 'string' ? [entry, {}] : Object.entries(entry as JsonObject)[0]!;
        return { [name]: { ...told(vocabulary.methods[name]!, {}), ...(given as JsonObject) } };
      }),
      controls: sweep['controls']!,
    });
    fc.assert(
      fc.property(sweeps, (sweep) => {
        expect(sortedKeys(inFull(sweep))).toEqual(sortedKeys(sweep));
      }),
      runs,
    );
  });
});

function mapped(section: Json | undefined, change: (entry: JsonObject) => JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(section as Record<string, JsonObject>).map(([name, entry]) => [name, change(entry)]),
  );
}

describe('editing one value changes the keys that depend on it and no other', () => {
  const language: JsonObject = {
    ...tinySweep,
    tasks: { t: { generator: 'dialects', dialect: [0, 1] } },
    methods: [{ naive: { labels: 'soft' } }, { confidence: {} }, { 'icl-refinement': {} }],
    seeds: [0, 1],
  };
  const classes: JsonObject = {
    ...tinySweep,
    models: tinyModels,
    tasks: { t: { type: 'classification', file: 'a.csv' } },
    methods: [{ naive: {} }, { confidence: {} }],
  };

  /** Titles of the stages that read an edited value themselves; whatever is behind them in the graph changes too. */
  type Edit = [path: string, value: Json, direct: RegExp | null];
  const computing = /^(pretrain|finetune|label|refine|evaluate)/;
  const data = /^shard (items|truth)/;
  const anyFinetune = /^finetune/;
  const inLanguage: Edit[] = [
    ['name', 'another', null],
    ['limits', { attempts: 9, 'trials-at-once': 3 }, null],
    ['device', 'webgpu', computing],
    ['seeds', [0, 7], / seed 1$/],
    ['tasks.t.dialect', [0, 3], /^(shard items|shard truth|label|refine|finetune|evaluate).*dialect=1/],
    ['tasks.t.noise', 0.2, /^shard corpus/],
    ['tasks.t.document', 20, /^shard corpus/],
    ['tasks.t.documents', 99, /^shard corpus/],
    ['tasks.t.nouns', 200, /^shard/],
    ['tasks.t.dialects', 9, /^shard/],
    ['tasks.t.splits', { B: 50 }, data],
    ['models.weak.layers', 2, /^pretrain weak/],
    ['models.weak.width', 12, /^pretrain weak/],
    ['models.weak.context', 64, /^pretrain weak/],
    ['models.weak.pretrain.steps', 7, /^pretrain weak/],
    ['models.weak.pretrain.schedule', 'linear', /^pretrain weak/],
    ['models.weak.finetune', { steps: 3 }, /^finetune weak/],
    ['models.weak.pooling', 'last', null],
    ['models.strong.heads', 4, /^pretrain strong/],
    ['models.strong.tokenizer', 'bytes', /^pretrain strong/],
    ['models.strong.pretrain.clip-norm', 1, /^pretrain strong/],
    ['models.strong.finetune', { batch: 5 }, /^finetune strong/],
    ['finetune.steps', 6, anyFinetune],
    ['finetune.learning-rate', 1e-3, anyFinetune],
    ['finetune.betas', [0.8, 0.99], anyFinetune],
    ['methods.0.naive.labels', 'hard', /^finetune strong on soft labels \(label/],
    ['methods.1.confidence.alpha', 0.75, /by auxiliary-confidence/],
    ['methods.1.confidence.warmup', 0.5, /by auxiliary-confidence/],
    ['methods.1.confidence.labels', 'hard', /by auxiliary-confidence/],
    ['methods.2.icl-refinement.examples', 5, /^refine .* from/],
    ['methods.2.icl-refinement.contexts', 2, /^refine .* from/],
    ['methods.2.icl-refinement.labels', 'soft', /^finetune strong on hard labels \(refine .* from/],
  ];
  const inClasses: Edit[] = [
    ['tasks.t.label', 'is_safe', /^shard/],
    ['tasks.t.conflicting', 'majority', /^shard/],
    ['tasks.t.splits', { A: 0.2 }, /^shard/],
    ['models.weak.pooling', 'last', /^finetune weak/],
    ['models.strong.pooling', 'last', /^finetune strong/],
    ['finetune', { epochs: 2, batch: 4 }, anyFinetune],
  ];

  it.each(inLanguage)('%s on dialects', (path, value, direct) => check(language, path, value, direct));
  it.each(inClasses)('%s on classification', (path, value, direct) => check(classes, path, value, direct));

  it('the content of a file, on classification', () => {
    const before = planOf(classes, { '/sweeps/a.csv': 'a'.repeat(64) });
    const after = planOf(classes, { '/sweeps/a.csv': 'b'.repeat(64) });
    expectChanged(before, after, /^shard/);
  });

  function check(content: JsonObject, path: string, value: Json, direct: RegExp | null): void {
    expectChanged(planOf(content), planOf(edited(content, path.split('.'), value)), direct);
  }

  function edited(content: Json | undefined, [key, ...rest]: string[], value: Json): JsonObject {
    if (key === undefined) return value as JsonObject;
    const copy = structuredClone(content ?? {}) as JsonObject;
    copy[key] = edited(copy[key], rest, value);
    return copy;
  }

  /** Stages are known by how one gets to them: "3rd trial / model / labels[0]". */
  function addresses(plan: Plan): Map<string, Stage> {
    const stages = byKey(plan);
    const found = new Map<string, Stage>();
    const visit = (address: string, key: StageKey): void => {
      const stage = stages.get(key)!;
      found.set(address, stage);
      for (const [role, keys] of Object.entries(stage.inputs))
        [keys].flat().forEach((input, index) => visit(`${address} / ${role}[${index}]`, input));
    };
    trialsOf(plan).forEach(({ evaluation }, index) => visit(`trial ${index}`, evaluation));
    return found;
  }

  function expectChanged(before: Plan, after: Plan, direct: RegExp | null): void {
    const [old, now] = [addresses(before), addresses(after)];
    const stages = byKey(before);
    const depends = (key: StageKey): boolean =>
      [...behind(stages, key)].some((each) => direct?.test(stages.get(each)!.title) === true);
    expect([...now.keys()]).toEqual([...old.keys()]);
    const changed = [...old].filter(([address, { key }]) => now.get(address)!.key !== key);
    const expected = [...old].filter(([, { key }]) => depends(key));
    expect(direct === null || expected.length > 0).toBe(true);
    const titles = (entries: [string, Stage][]): string[] => [
      ...new Set(entries.map(([, { title }]) => title)),
    ];
    expect(titles(changed)).toEqual(titles(expected));
    expect(changed.map(([address]) => address)).toEqual(expected.map(([address]) => address));
  }
});

describe('ground truth', () => {
  interface Use {
    readonly user: Stage;
    readonly split: unknown;
  }

  /** Who reads truth behind a stage, and of which split. */
  function usesOfTruth(plan: Plan, evaluation: StageKey): Use[] {
    const stages = byKey(plan);
    return [...behind(stages, evaluation)].flatMap((key) => {
      const user = stages.get(key)!;
      return inputKeys(user)
        .map((input) => stages.get(input)!)
        .filter(({ params }) => params['content'] === 'truth')
        .map(({ params }) => ({ user, split: params['split'] }));
    });
  }

  /** "finetune weak A": kind, model and split of who reads truth. */
  function readersOf(plan: Plan, trial: Trial): string[] {
    return usesOfTruth(plan, trial.evaluation)
      .map(
        ({ user, split }) =>
          `${/^\S+( weak| strong)?/.exec(user.title)![0].replace(':', '')} ${String(split)}`,
      )
      .sort();
  }

  const byMethods = planOf({
    ...tinySweep,
    methods: carriedBy('next-token').map(({ name }) => name),
    controls: Object.values(controls)
      .filter(({ name, answers }) => name !== 'oracle' && answers?.includes('next-token') !== false)
      .map(({ name }) => name),
  });
  const byMethodsOnClasses = planOf({
    ...tinySweep,
    tasks: { t: { type: 'classification', file: 'a.csv' } },
    methods: carriedBy('classes').map(({ name }) => name),
  });

  it('is known by the split: nobody gets truth and anything else in one artifact', () => {
    for (const { params } of byMethods.stages.filter(({ kind }) => kind === 'shard'))
      expect([
        ['items', undefined],
        ['corpus', undefined],
        ['truth', params['split']],
      ]).toContainEqual([params['content'], params['split']]);
  });

  const privileged: Record<string, string[]> = {
    'weak supervisor': ['evaluate test', 'finetune weak A'],
    ceiling: ['evaluate test', 'finetune strong B'],
    'zero-shot': ['evaluate test'],
    'zero-examples': ['evaluate test'],
    'random-labels': ['evaluate test', 'finetune weak A', 'label B'],
    'ceiling-on-a': ['evaluate test', 'finetune strong A'],
  };

  for (const [what, plan] of Object.entries({ dialects: byMethods, classification: byMethodsOnClasses })) {
    for (const trial of trialsOf(plan)) {
      it(`of ${trial.method} on ${what} is read by those who may`, () => {
        // A method sees truth through its weak supervisor and its evaluation, however it is made.
        const name = trial.method.replace(/ labels=.*/, '');
        const allowed = privileged[name] ?? ['evaluate test', 'finetune weak A'];
        expect(trial.role === 'method' || name in privileged).toBe(true);
        // Boosting weighs A by A's truth, and shows the next weak supervisor nothing else.
        const readers = [...new Set(readersOf(plan, trial))].filter((reader) => reader !== 'label A');
        expect(readers).toEqual(allowed);
      });
    }
  }

  it('of B reaches no method, and of test only evaluations, in every sweep', () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const plan = planOf(sweep);
        for (const trial of trialsOf(plan)) {
          for (const { user, split } of usesOfTruth(plan, trial.evaluation)) {
            expect(user.kind === 'evaluate').toBe(split === 'test');
            if (trial.role === 'method') expect(split).not.toBe('B');
          }
        }
      }),
      runs,
    );
  });
});

describe('what a task has no use for', () => {
  const onClasses = {
    ...tinySweep,
    tasks: { mails: { type: 'classification', file: 'a.csv' } },
    methods: ['naive'],
  };

  it.each(
    Object.values(methods)
      .filter(({ answers }) => answers?.includes('classes') === false)
      .filter(({ parameters }) => parameters.safeParse({}).success),
  )('the method $name is refused by name', ({ name }) => {
    const plan = (): Plan => planOf({ ...onClasses, methods: ['naive', name] });
    expect(plan).toThrow(UserError);
    expect(plan).toThrow(`method ${name} cannot work on task mails (classification): it works on tasks`);
  });

  it('controls are left out', () => {
    const onNumbers = {
      ...onClasses,
      tasks: { theory: { generator: 'gaussian-mixture' } },
      models: { weak: { architecture: 'mixture' }, strong: { architecture: 'mixture' } },
    };
    const controlsOf = (sweep: JsonObject): string[] =>
      trialsOf(planOf(sweep))
        .filter(({ role }) => role === 'control')
        .map(({ method }) => method);
    // Errors of numbers have no rate that random ones could have; nobody knows the best answers about mails.
    const common = ['ceiling-on-a', 'zero-examples labels=hard', 'zero-examples labels=soft', 'zero-shot'];
    expect(controlsOf(onClasses).sort()).toEqual([...common, 'random-labels'].sort());
    expect(controlsOf(onNumbers).sort()).toEqual([...common, 'oracle'].sort());
  });
});

describe('the quickstart', async () => {
  const file = new URL('../sweeps/quickstart.yaml', import.meta.url);
  const sweep = parseSweep(await readFile(file, 'utf8'), { source: file.pathname, vocabulary });
  const plan = planSweep(sweep, {});

  it('is 16 cells of 16 trials, in batches of whole cells', () => {
    expect(plan.cells).toHaveLength(16);
    expect(trialsOf(plan)).toHaveLength(256);
    expect(plan.tree.batches.map(({ trials }) => trials.length)).toEqual([96, 96, 64]);
  });

  it('pretrains each model once a seed, for all cells and batches', () => {
    const pretrainings = plan.stages.filter(({ kind }) => kind === 'pretrain').map(({ title }) => title);
    expect(pretrainings.sort()).toEqual([
      'pretrain strong · dialects · seed 0',
      'pretrain strong · dialects · seed 1',
      'pretrain weak · dialects · seed 0',
      'pretrain weak · dialects · seed 1',
    ]);
  });
});
