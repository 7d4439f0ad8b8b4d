/** @file What each kind of label work makes of labels, on few items that one can check by hand; the maths has tests of its own. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import { Random } from '../base/random.js';
import type { Item, Label } from '../datasets/task.js';
import agreementFilter from './agreement-filter.js';
import confidentOnly from './confident-only.js';
import type { WorkBench } from './definition/label-work.js';
import type { Method, MethodTask } from './definition/method.js';
import ensemble from './ensemble.js';
import labelModel from './label-model.js';
import probeFilter from './probe-filter.js';
import probeRelabel from './probe-relabel.js';
import reliability from './reliability.js';

/** `b` → probabilities [1 − b, b] */
const binary = (id: string, b: number): Label => ({ id, label: b > 0.5 ? 1 : 0, probabilities: [1 - b, b] });
const words = (id: string, answer: string, more: Partial<Label> = {}): Label => ({
  id,
  label: 0,
  probabilities: [],
  answer,
  ...more,
});
const ids = (labels: readonly Label[]): string[] => labels.map(({ id }) => id);
const close = (labels: readonly Label[], of: readonly (readonly number[])[]): void => {
  expect(labels.length).toBe(of.length);
  labels.forEach(({ probabilities }, row) =>
    probabilities.forEach((p, column) => expect(p).toBeCloseTo(of[row]![column]!, 9)),
  );
};

/** Runs a method's operation on label sets of items a, b, c, … */
async function work(
  method: Method,
  roles: Record<string, readonly Label[]>,
  {
    activations,
    choices = ['no', 'yes'],
    ...parameters
  }: Record<string, unknown> & { choices?: string[] } = {},
): Promise<Label[]> {
  const seen = [...new Set(Object.values(roles).flatMap(ids))].sort();
  const items = seen.map((id): Item => ({ id, text: `text of ${id}`, choices }));
  const bench: WorkBench = {
    items,
    roles: Object.keys(roles),
    labels: (role) => roles[role]!,
    activations: (layer) =>
      Promise.resolve(
        (activations as (layer?: number) => number[][])(layer).map((row) => Float32Array.from(row)),
      ),
    // Spelling does not matter to this grader.
    same: (_, answer, other) => answer.toLowerCase() === other.toLowerCase(),
    random: Random.of(0, 'test'),
    log: () => undefined,
  };
  const operation = Object.values(method.labelWork!)[0]!;
  return operation(bench, parameters as JsonObject);
}

describe('confident only', () => {
  const labels = [binary('a', 0.75), binary('b', 0.6), binary('c', 0.25), binary('d', 0.26)];

  it('keeps p ≥ 0.75 and p ≤ 0.25, as they are', async () => {
    expect(await work(confidentOnly, { labels })).toEqual([labels[0], labels[2]]);
  });

  it('with more classes goes by the likeliest one', async () => {
    const three = [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]].map((p, i): Label => ({ id: 'ab'[i]!, label: 0, probabilities: p })); // prettier-ignore
    expect(ids(await work(confidentOnly, { labels: three }, { choices: ['x', 'y', 'z'] }))).toEqual(['b']);
  });

  it('says how sure the surest was where none is left', async () => {
    const failing = work(confidentOnly, { labels }, { threshold: 0.9 });
    await expect(failing).rejects.toThrow(UserError);
    await expect(failing).rejects.toThrow(
      /none of 4 weak labels .* 0\.9 or more; the surest has 0\.750\. Ask for a lower threshold/,
    );
  });
});

describe('probes', () => {
  // a, b, c lie together and d, e, f far away; c's label is another than its neighbours'.
  const place = [[0], [1], [2], [10], [11], [12]]; // prettier-ignore
  const labels = [0.1, 0.2, 0.9, 0.9, 0.8, 1].map((p, i) => binary('abcdef'[i]!, p));
  const activations = () => place;

  it('relabel by the mean of the nearest', async () => {
    const relabelled = await work(probeRelabel, { labels }, { activations, k: 3 });
    expect(ids(relabelled)).toEqual([...'abcdef']);
    close(relabelled, [0.4, 0.4, 0.4, 0.9, 0.9, 0.9].map((p) => [1 - p, p])); // prettier-ignore
    expect(relabelled.map(({ label }) => label)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('relabel by logistic regression on the layer that was asked for', async () => {
    let asked: number | undefined;
    const of = (layer?: number) => ((asked = layer), place);
    const relabelled = await work(probeRelabel, { labels }, { activations: of, probe: 'logistic', layer: 1 });
    expect(asked).toBe(1);
    expect(relabelled.map(({ label }) => label)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('filter what they contradict most, and keep the rest as it is', async () => {
    const kept = await work(probeFilter, { labels }, { activations, k: 3, contamination: 0.2 });
    expect(kept).toEqual(labels.filter(({ id }) => id !== 'c')); // ⌊0.2 · 6⌋ = 1
    // Of labels contradicted equally, the first goes.
    const same = labels.map(({ id }) => binary(id, 0.7));
    expect(ids(await work(probeFilter, { labels: same }, { activations, k: 3, contamination: 0.4 }))).toEqual([...'cdef']); // prettier-ignore
  });

  it('of labels that abstain on an item leave it out', async () => {
    const some = labels.filter(({ id }) => id !== 'b');
    const bench = { labels: some, others: labels };
    const relabelled = await work(probeRelabel, bench, { activations, k: 2 });
    expect(ids(relabelled)).toEqual([...'acdef']);
    expect(relabelled[0]!.probabilities[1]).toBeCloseTo(0.5, 9); // a and c, b having no label
  });

  it('refuse what they cannot do, and say what to do', async () => {
    await expect(work(probeRelabel, { labels }, { activations })).rejects.toThrow(
      /50 labelled items, and there are 6/,
    );
    await expect(work(probeFilter, { labels }, { activations, k: 3, contamination: 1 })).rejects.toThrow(
      /no label is left .* drops all 6/,
    );
    const odd: Label[] = [labels[0]!, { id: 'b', label: 0, probabilities: [1, 0, 0] }];
    await expect(work(probeRelabel, { labels: odd }, { activations, k: 1 })).rejects.toThrow(
      /item a has 2 choices, item b has 3/,
    );
  });
});

describe('reliability', () => {
  // a: always 1; b: 4 of 5 say 1; c: 3 of 5 say 0.
  const answers = { a: [1, 1, 1, 1, 1], b: [1, 1, 0, 1, 1], c: [0, 1, 0, 1, 0] };
  const roles = Object.fromEntries(
    [0, 1, 2, 3, 4].map((n) => [
      `answer-${n}`,
      Object.entries(answers).map(([id, given]) => binary(id, given[n] === 1 ? 0.8 : 0.3)),
    ]),
  );

  it('filters by the median of the entropies, and learns the shares of the answers', async () => {
    const kept = await work(reliability, roles);
    expect(ids(kept)).toEqual(['a', 'b']);
    close(kept, [[0, 1], [0.2, 0.8]]); // prettier-ignore
    expect(kept.every(({ weight }) => weight === undefined)).toBe(true);
  });

  it('reweights by softmax(share / 0.2), as a row of its own for every answer would', async () => {
    const [a, b, c] = await work(reliability, roles, { use: 'reweight' });
    const factor = (share: number): number =>
      Math.exp(share / 0.2) / (Math.exp(share / 0.2) + Math.exp((1 - share) / 0.2));
    expect(a).toMatchObject({ probabilities: [0, 1], weight: 1 });
    for (const [label, share] of [
      [b!, 0.8],
      [c!, 0.4],
    ] as const) {
      // prettier-ignore
      const [one, zero] = [share * factor(share), (1 - share) * factor(1 - share)];
      expect(label.weight).toBeCloseTo(one + zero, 12);
      expect(label.probabilities[1]).toBeCloseTo(one / (one + zero), 12);
    }
    expect([b!.label, c!.label]).toEqual([1, 0]);
  });

  it('reads a vote over contexts as shares; an item that nobody answered is left out', async () => {
    const votes = [binary('a', 0.5), binary('b', 0.75), binary('c', 1)];
    expect(ids(await work(reliability, { votes }))).toEqual(['b', 'c']);
    const some = { ...roles, 'answer-0': [], 'answer-1': [binary('d', 0.9)] };
    expect(ids(await work(reliability, some))).toContain('d'); // one answer is a steady one
    await expect(work(reliability, { votes: [] })).rejects.toThrow(/nobody gave an answer/);
  });

  it('breaks a tie by how sure the answers were', async () => {
    const tied = { one: [binary('a', 0.9)], other: [binary('a', 0.4)] };
    expect((await work(reliability, tied))[0]).toMatchObject({ label: 1, probabilities: [0.5, 0.5] });
  });

  it('of answers in words counts those as one that the grader counts as one, a row an answer', async () => {
    const votes = [
      words('a', 'Paris', { texts: ['Paris', 'paris', 'Rome', ''] }),
      words('b', 'x', { texts: ['x', 'y', 'z', 'w'] }),
      words('c', 'Bern', { texts: ['Bern', 'Bern', 'BERN', 'bern'] }),
    ];
    const kept = await work(reliability, { votes }, { choices: [] });
    expect(kept.map(({ id, answer }) => `${id} ${answer}`)).toEqual([
      'a Paris',
      'a paris',
      'a Rome',
      ...['Bern', 'Bern', 'BERN', 'bern'].map((answer) => `c ${answer}`),
    ]);
    const weighed = await work(reliability, { votes }, { choices: [], use: 'reweight' });
    const powers = [Math.exp(2 / 3 / 0.2), Math.exp(1 / 3 / 0.2)] as const;
    expect(weighed[0]!.weight).toBeCloseTo(powers[0] / (powers[0] + powers[1]), 12);
    expect(weighed[2]!.weight).toBeCloseTo(powers[1] / (powers[0] + powers[1]), 12);
  });
});

describe('agreement filter', () => {
  const weak = [binary('a', 0.9), binary('b', 0.2), binary('c', 0.6)];
  const strong = [binary('a', 0.7), binary('b', 0.8), binary('c', 0.9)];

  it('keeps what both answer alike: both, or one of them', async () => {
    close(await work(agreementFilter, { weak, strong }), [[0.2, 0.8], [0.25, 0.75]]); // prettier-ignore
    expect(await work(agreementFilter, { weak, strong }, { train: 'weak' })).toEqual([weak[0], weak[2]]);
    expect(await work(agreementFilter, { weak, strong }, { train: 'strong' })).toEqual([
      strong[0],
      strong[2],
    ]);
  });

  it('in words goes by the grader, trains on a row each, and takes silence for no answer', async () => {
    const said = [words('a', 'Yes'), words('b', 'no'), words('c', '')];
    const heard = [words('a', 'yes'), words('b', 'yes'), words('c', '')];
    const both = await work(agreementFilter, { weak: said, strong: heard }, { choices: [] });
    expect(both.map(({ id, answer }) => `${id} ${answer}`)).toEqual(['a Yes', 'a yes']);
  });

  it('says what to do where they agree on nothing', async () => {
    const other = weak.map(({ id, probabilities }) => binary(id, probabilities[0]!));
    await expect(work(agreementFilter, { weak, strong: other })).rejects.toThrow(/agree on no item\. Show/);
  });
});

describe('ensemble', () => {
  const roles = {
    'source-1': [binary('a', 0.9), binary('b', 0.6)],
    'source-2': [binary('a', 0.4), binary('b', 0.55)],
    'source-3': [binary('a', 0.3), binary('b', 0.1)],
  };

  it('votes, or takes the mean', async () => {
    const votes = await work(ensemble, roles);
    close(votes, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]]); // prettier-ignore
    const means = await work(ensemble, roles, { combine: 'mean' });
    close(means, [[1 - 1.6 / 3, 1.6 / 3], [1 - 1.25 / 3, 1.25 / 3]]); // prettier-ignore
    expect(votes.map(({ label }) => label)).toEqual([0, 1]);
    expect(means.map(({ label }) => label)).toEqual([1, 0]);
  });

  it('of two that differ follows the surer one', async () => {
    const two = { 'source-1': roles['source-1'], 'source-2': roles['source-2'] };
    expect((await work(ensemble, two))[0]).toMatchObject({ label: 1, probabilities: [0.5, 0.5] });
  });

  it('boosted, gives each vote its weight, and those at chance none', async () => {
    const says = [0.5, 2, 0];
    const boosted = Object.fromEntries(
      Object.entries(roles).map(([role, labels], m) => [
        role,
        labels.map((label) => ({ ...label, weight: says[m]! })),
      ]),
    );
    const labels = await work(ensemble, boosted, { combine: 'boost' });
    close(labels, [[0.8, 0.2], [0, 1]]); // prettier-ignore
    expect(labels.every(({ weight }) => weight === undefined)).toBe(true);
    const none = Object.fromEntries(
      Object.entries(boosted).map(([role, all]) => [role, all.map((label) => ({ ...label, weight: 0 }))]),
    );
    await expect(work(ensemble, none, { combine: 'boost' })).rejects.toThrow(/better than chance on A/);
  });

  it('of words takes the commonest answer, of numbers the mean', async () => {
    const given = (...answers: string[]): Record<string, Label[]> =>
      Object.fromEntries(
        answers.map((answer, n): [string, Label[]] => [`source-${n}`, [words('a', answer)]]),
      );
    expect(await work(ensemble, given('Bern', 'Rome', 'bern'), { choices: [] })).toEqual([
      words('a', 'Bern'),
    ]);
    const mean = await work(ensemble, given('1', '2.5', '4'), { choices: [], combine: 'mean' });
    expect(mean).toEqual([words('a', '2.5')]);
  });
});

describe('label model', () => {
  // Who is below 0.6 abstains: "?" does.
  const source = (signs: string): Label[] =>
    [...signs].map((sign, i) => binary('abcdefgh'[i]!, sign === '?' ? 0.55 : sign === '1' ? 0.9 : 0.1));
  const roles = {
    'source-1': source('1010?01?'),
    'source-2': source('101?001?'),
    'source-3': source('0010101?'),
  };

  it('leaves out items on which all abstain, and needs but one vote', async () => {
    for (const aggregate of ['model', 'majority']) {
      const labels = await work(labelModel, roles, { aggregate });
      expect(ids(labels)).toEqual([...'abcdefg']);
      for (const { probabilities } of labels) expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 9);
    }
    const single = { ...roles, 'source-1': source('???????1') };
    expect((await work(labelModel, single)).find(({ id }) => id === 'h')).toMatchObject({ label: 1 });
  });

  it('majority: ties are shared', async () => {
    const labels = await work(labelModel, roles, { aggregate: 'majority' });
    expect(labels[0]!.probabilities).toEqual([0, 1]);
    expect(labels[4]!.probabilities).toEqual([0.5, 0.5]); // "?", 0, 1
  });

  it('with the votes as class balance leans to the class that they name most', async () => {
    const naming = { ...roles, 'source-4': source('00000000') };
    const [even] = await work(labelModel, naming);
    const [leaning] = await work(labelModel, naming, { balance: 'votes' });
    expect(leaning!.probabilities[1]).toBeLessThan(even!.probabilities[1]!);
  });

  it('says what to do where all abstain everywhere', async () => {
    await expect(work(labelModel, roles, { confidence: 0.95 })).rejects.toThrow(
      /all 3 sources abstain on all 8 items\. Ask for a lower confidence than 0\.95/,
    );
  });
});

describe('before anything runs', () => {
  const task = (answer: MethodTask['answer'], more: Partial<MethodTask> = {}): MethodTask => ({
    name: 't',
    definition: 'mails',
    answer,
    hasOracle: false,
    hasParaphrases: false,
    ...more,
  });
  const refusal = (method: Method, of: MethodTask, parameters: JsonObject = {}): string | undefined =>
    method.refuses?.(of, method.parameters.parse(parameters));

  it('reliability by paraphrase needs paraphrases, by contexts a context', () => {
    expect(refusal(reliability, task('classes'))).toMatch(/mails has no other words/);
    expect(refusal(reliability, task('classes', { hasParaphrases: true }))).toBeUndefined();
    expect(refusal(reliability, task('classes'), { by: 'contexts' })).toMatch(/no context/);
    expect(refusal(reliability, task('next-token'), { by: 'contexts' })).toBeUndefined();
  });

  it('an ensemble combines what can be combined', () => {
    expect(refusal(ensemble, task('text'), { combine: 'mean' })).toMatch(/no mean/);
    expect(refusal(ensemble, task('text'), { combine: 'boost' })).toMatch(
      /among classes; ask for combine: vote/,
    );
    expect(refusal(ensemble, task('text'))).toBeUndefined();
    expect(refusal(ensemble, task('number'))).toMatch(/combine: mean/);
    expect(refusal(ensemble, task('number'), { combine: 'mean' })).toBeUndefined();
    expect(refusal(ensemble, task('classes'))).toBeUndefined();
  });
});
