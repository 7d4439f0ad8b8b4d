/**
 * @file Golden artifacts: no stage leaves other bytes under an old version number, since stores would mix the two.
 *
 * `TEMPER_GOLDEN=write npx vitest run activities/golden.test.ts` writes fixtures/golden.json anew, or adds this machine
 * to it. On a machine that is not in it (other vector instructions, another zlib) contents are compared within rounding.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { digestOf } from '../datasets/fingerprint.js';
import { closeSessions } from '../onnx/session.js';
import { stageVersions } from '../plan/kinds.js';
import type { Plan } from '../plan/plan.js';
import { scoreStage } from '../plan/score.js';
import { inputKeys, type Stage } from '../plan/stage.js';
import { isClose, machine, readingOf, type Reading } from '../test/golden.js';
import { openLaboratory, runAll, type Laboratory } from '../test/stages.js';
import { planOf, tinyModels, tinySweep } from '../test/sweeps.js';
import { entries, planWith, worldNamed } from '../test/worlds.js';
import { scoreCell } from './score.js';

interface Golden {
  readonly kind: Stage['kind'];
  readonly version: number;
  readonly inputs: string[];
  readonly content: Record<string, Reading>;
}
interface Goldens {
  artifacts: Record<string, Golden>;
  /** Machine → artifact → digest of its bytes. */
  digests: Record<string, Record<string, string>>;
}

const path = join(import.meta.dirname, 'fixtures/golden.json');
const howToWrite = 'TEMPER_GOLDEN=write npx vitest run activities/golden.test.ts';
const committed: Goldens = existsSync(path)
  ? (JSON.parse(readFileSync(path, 'utf8')) as Goldens)
  : { artifacts: {}, digests: {} };

let folder: string;
const made: Record<string, Golden> = {};
const digests: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-golden-'));
  const methods = [...tinySweep.methods, { 'confident-only': { threshold: 0.5 } }];
  await makeAll('dialects', planOf({ ...tinySweep, methods, controls: ['random-labels'] }), [
    'weak supervisor',
    'ceiling',
    'icl-refinement',
    'confident-only',
    'random-labels',
  ]);
  const file = await writeTexts();
  const plan = planOf(classification(file), { [file]: await digestOf(file) });
  await makeAll('classification', plan, ['confidence']);
  // Other kinds of answers have code of their own under the same kinds of stages.
  for (const [name, method] of [
    ['pairs', 'dpo'],
    ['personas', 'infer-and-respond'],
    ['mixture', 'icl-refinement'],
  ] as const) {
    const chosen = entries.filter((entry) => entry.name === method);
    await makeAll(name, planWith(await worldNamed(name, folder), chosen), ['weak supervisor', method]);
  }
});
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

describe('stages leave the bytes that their version stands for', () => {
  it.runIf(process.env['TEMPER_GOLDEN'] === 'write')('(writing)', async () => {
    const before = committed.digests[machine];
    if (before !== undefined)
      for (const name of Object.keys(made)) expect(complaint(name, before)).toBeUndefined();
    const isSame = Object.keys(made).every(
      (name) => committed.artifacts[name]?.version === made[name]!.version,
    );
    const goldens: Goldens = {
      artifacts: isSame ? committed.artifacts : made,
      digests: { ...(isSame ? committed.digests : {}), [machine]: digests },
    };
    await writeFile(path, `${JSON.stringify(goldens, undefined, 1)}\n`);
  });

  it('every kind of stage is among them', () => {
    expect(new Set(Object.values(made).map(({ kind }) => kind))).toEqual(new Set(Object.keys(stageVersions)));
  });

  it.skipIf(process.env['TEMPER_GOLDEN'] === 'write')('and these bytes are the committed ones', () => {
    const expected = committed.digests[machine];
    if (expected === undefined)
      console.info(`${machine} has no golden artifacts: comparing within rounding. ${howToWrite}`);
    const complaints = Object.keys(made).flatMap((name) => {
      const wrong = expected === undefined ? complaintWithinRounding(name) : complaint(name, expected);
      return wrong ?? [];
    });
    expect(complaints.join('\n')).toBe('');
    expect(Object.keys(committed.artifacts).sort()).toEqual(Object.keys(made).sort());
    expect(staleVersions()).toEqual([]);
  });
});

/** What is wrong with an artifact whose bytes changed though neither its version nor what it was made from did. */
function complaint(name: string, expected: Record<string, string>): string | undefined {
  const { kind, version, inputs } = made[name]!;
  const known = committed.artifacts[name];
  if (known === undefined || known.version !== version) return undefined;
  if (digests[name] === expected[name]) return undefined;
  if (inputs.some((input) => digests[input] !== expected[input])) return undefined;
  return (
    `"${name}" has other bytes than before, and version ${version} of ${kind}. Either undo what changed them, or ` +
    `raise stageVersions.${kind} in plan/kinds.ts (stores keep the old results apart then) and run: ${howToWrite}`
  );
}

function complaintWithinRounding(name: string): string | undefined {
  const { kind, version, content } = made[name]!;
  const known = committed.artifacts[name];
  if (known === undefined || known.version !== version) return undefined;
  const wrong = Object.keys({ ...known.content, ...content }).filter((file) => {
    const [a, b] = [known.content[file], content[file]];
    return a === undefined || b === undefined || !isClose(a, b);
  });
  if (wrong.length === 0) return undefined;
  return `${wrong.join(', ')} of "${name}" (${kind}, version ${version}) is not within rounding of what it was`;
}

function staleVersions(): string[] {
  return Object.entries(made)
    .filter(([name, { version }]) => committed.artifacts[name]?.version !== version)
    .map(([name, { kind, version }]) => `"${name}" is of version ${version} of ${kind} now: ${howToWrite}`);
}

/** Runs what some trials need, and notes what every stage left. */
async function makeAll(what: string, plan: Plan, methods: readonly string[]): Promise<void> {
  const laboratory = await openLaboratory(plan);
  try {
    const cell = plan.cells[0]!;
    const trials = cell.trials.filter(({ method }) => methods.some((name) => method.startsWith(name)));
    const evaluations = trials.map(({ evaluation }) => evaluation);
    await runAll(laboratory, evaluations);
    await scoreCell(laboratory.store, { ...cell, trials }, 'test');
    const weak = trials.find(({ role }) => role === 'weak')?.evaluation;
    const stages = [...laboratory.plan.stages, scoreStage(cell.id, evaluations, weak)];
    const names = new Map(stages.map(({ key, title }) => [key, `${what}: ${title}`]));
    for (const stage of stages) await note(laboratory, stage, names);
  } finally {
    await laboratory.remove();
  }
}

async function note({ store }: Laboratory, stage: Stage, names: Map<string, string>): Promise<void> {
  const { kind, key, version } = stage;
  if ((await store.probe([{ kind, key }])).published.length === 0) return;
  const artifact = await store.read({ kind, key });
  const name = names.get(key)!;
  const inputs = inputKeys(stage).map((input) => names.get(input)!);
  // Keys change with versions, which are told apart before contents are compared.
  const content = kind === 'score' ? {} : await readingOf(artifact);
  made[name] = { kind, version, inputs, content };
  digests[name] = artifact.manifest.digest;
}

function classification(file: string) {
  return {
    ...tinySweep,
    tasks: { mails: { type: 'classification', file } },
    models: {
      weak: { ...tinyModels.weak, tokenizer: 'words', context: 8 },
      strong: { ...tinyModels.strong, tokenizer: 'bytes', context: 32 },
    },
    methods: ['confidence'],
    controls: 'none',
  };
}

/** Texts of two classes that share most of their words. */
async function writeTexts(): Promise<string> {
  const random = Random.of(0, 'golden', 'texts');
  const words = ['the', 'meeting', 'is', 'at', 'noon', 'free', 'offer', 'tonight', 'please', 'reply'];
  const rows = Array.from({ length: 40 }, (_, row) => {
    const text = Array.from({ length: 6 }, () => words[random.integer(words.length)]).join(' ');
    return `"${text}, no. ${row}",${text.includes('free') ? 'spam' : 'ham'}`;
  });
  const file = join(folder, 'texts.csv');
  await writeFile(file, ['text,label', ...rows, ''].join('\n'));
  return file;
}
