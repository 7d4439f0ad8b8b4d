/** @file Small worlds, one for every kind of answer: data and models on which any method and control can run in moments. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import { Random } from '../base/random.js';
import { digestOf } from '../datasets/fingerprint.js';
import type { AnswerKind } from '../datasets/task.js';
import { controls, methods } from '../methods/definition/registry.js';
import type { Plan } from '../plan/plan.js';
import { planOf, tinyDialects, tinyModels } from './sweeps.js';

/** What a sweep says before its methods, and the files it names. */
export interface World {
  readonly answer: AnswerKind;
  readonly sweep: JsonObject;
  readonly fingerprints: Readonly<Record<string, string>>;
}

/** A method or a control, and the parameters with which it runs here. */
export interface Entry {
  readonly name: string;
  readonly role: 'method' | 'control';
  readonly parameters: JsonObject;
  /** "ensemble {"combine":"boost"}" */
  readonly title: string;
}

/**
 * What sets methods to so few items: where a default asks for more than there are, and where there is none. Each of a list
 * is run. A method that is not in here runs with its defaults.
 */
const chosen: Readonly<Record<string, readonly JsonObject[]>> = {
  bootstrapping: [{ through: ['middle'] }],
  'strong-to-strong': [{ iterations: 2 }],
  'icl-refinement': [{ examples: 2, contexts: 2 }],
  reliability: [{ asked: 3 }, { by: 'contexts', examples: 2, asked: 3, use: 'reweight' }],
  'probe-relabel': [{ k: 3 }, { probe: 'logistic', layer: 1 }],
  'probe-filter': [{ k: 3 }],
  'confident-only': [{ threshold: 0.5 }],
  'agreement-filter': [{ examples: 2, rounds: 2 }],
  ensemble: [{ supervisors: 2, combine: 'mean' }, { supervisors: 2 }, { supervisors: 2, combine: 'boost' }],
  'vote-pairs': [{ examples: 2, samples: 6, confidence: 0.3, overrule: 0.3 }],
  'refinement-chain': [{ examples: 2, through: ['middle'] }],
  'infer-and-respond': [{ examples: 3 }],
  'label-model': [{ sources: 3, confidence: 0.5 }],
};

/** Every method and control there is. */
export const entries: readonly Entry[] = [...Object.values(methods), ...Object.values(controls)].flatMap(
  ({ name, role }) =>
    (chosen[name] ?? [{}]).map((parameters) => ({
      name,
      role,
      parameters,
      title: Object.keys(parameters).length === 0 ? name : `${name} ${JSON.stringify(parameters)}`,
    })),
);

/** The plan of a world with some methods and controls. */
export function planWith({ sweep, fingerprints }: World, those: readonly Entry[]): Plan {
  const of = (role: Entry['role']): JsonObject[] =>
    those.filter((entry) => entry.role === role).map(({ name, parameters }) => ({ [name]: parameters }));
  const asControls = of('control');
  return planOf(
    { ...sweep, methods: of('method'), controls: asControls.length === 0 ? 'none' : asControls },
    fingerprints,
  );
}

/** Those that the world's task can carry: whatever its plan does not refuse. */
export function carriedBy(world: World): Entry[] {
  return entries.filter((entry) => {
    try {
      planWith(world, [entry]);
      return true;
    } catch (error) {
      if (error instanceof UserError && error.message.includes('cannot work on task')) return false;
      throw error;
    }
  });
}

export const worldNames = ['dialects', 'mails', 'pairs', 'personas', 'mixture'] as const;
export type WorldName = (typeof worldNames)[number];

/** Builds a world, its files in a folder of the caller's. */
export async function worldNamed(name: WorldName, folder: string): Promise<World> {
  const { answer, task, context, models, file, finetune, knows, seed = 0 } = worlds[name];
  const path = join(folder, `${name}.jsonl`);
  if (file !== undefined)
    await writeFile(
      path,
      `${file()
        .map((row) => JSON.stringify(row))
        .join('\n')}\n`,
    );
  const taught = finetune ?? {
    weak: { steps: 3, 'learning-rate': 0.003 },
    strong: { steps: 8, 'learning-rate': 0.01 },
  };
  const language: JsonObject = {
    weak: { ...tinyModels.weak, ...context, finetune: { batch: 4, ...taught.weak } },
    middle: { ...tinyModels.weak, ...context, width: 12 },
    strong: { ...tinyModels.strong, ...context, ...knows, finetune: { batch: 4, ...taught.strong } },
  };
  return {
    answer,
    fingerprints: file === undefined ? {} : { [path]: await digestOf(path) },
    sweep: {
      name,
      tasks: { [name]: file === undefined ? task : { ...task, file: path } },
      models: models ?? language,
      pairs: [{ weak: 'weak', strong: 'strong' }],
      finetune: { steps: 3, batch: 4 },
      seeds: [seed],
    },
  };
}

interface Definition {
  readonly answer: AnswerKind;
  readonly task: JsonObject;
  /** What the built-in GPT needs for the task's texts. */
  readonly context?: JsonObject;
  readonly models?: JsonObject;
  /** What the strong model has beyond the weak one. */
  readonly knows?: JsonObject;
  /** How each is fine-tuned: the weak model hardly, so that there is a gap to recover. */
  readonly finetune?: { readonly weak: JsonObject; readonly strong: JsonObject };
  /** One with which the ceiling is better than the weak supervisor. */
  readonly seed?: number;
  /** Rows of a file. */
  readonly file?: () => JsonObject[];
}

const sizes = { A: 8, B: 10, test: 8 };

const worlds: Readonly<Record<WorldName, Definition>> = {
  dialects: { answer: 'next-token', seed: 5, task: { ...tinyDialects, nouns: 30, splits: sizes } },
  mails: {
    answer: 'classes',
    seed: 2,
    task: { type: 'classification', splits: sizes, paraphrases: ['so: {{ text }}', '{{ text }}!'] },
    context: { tokenizer: 'bytes', context: 40 },
    // Easy enough that whoever is taught well knows it all, and whoever is taught badly does not.
    finetune: {
      weak: { steps: 3, 'learning-rate': 0.003 },
      strong: { steps: 40, batch: 8, 'learning-rate': 0.01 },
    },
    file: () =>
      sentences('mail', 40).map((text, n) => {
        const isHam = n % 3 === 0;
        return { text: `${text} ${isHam ? 'aaaaaaaa' : 'zzzzzzzz'}`, label: isHam ? 'ham' : 'spam' };
      }),
  },
  pairs: {
    answer: 'preference',
    seed: 1,
    task: { type: 'preference', prompt: 'prompt', splits: sizes },
    context: { tokenizer: 'bytes', context: 48 },
    file: () => {
      const answers = sentences('answer', 60);
      return sentences('question', 30).map((text, n) => {
        // What makes an answer the better one is not quite as easy as one word.
        const [better, worse] = n % 5 < 2 ? ['never', 'gladly'] : ['gladly', 'never'];
        const [chosen, rejected] = [`${answers[2 * n]!} ${better}`, `${answers[2 * n + 1]!} ${worse}`];
        return { prompt: `${text}? `, chosen, rejected };
      });
    },
  },
  personas: {
    answer: 'text',
    seed: 2,
    task: {
      generator: 'personas',
      personas: 1,
      manners: 1,
      subjects: 40,
      contents: 2,
      plain: 0,
      conversation: 4,
      documents: 60,
      splits: sizes,
    },
    // Enough of both that answers are words, and some of them the same.
    context: { context: 96, pretrain: { steps: 60, batch: 4, 'learning-rate': 0.02 } },
    knows: { pretrain: { steps: 250, batch: 8, 'learning-rate': 0.01 } },
    finetune: { weak: { steps: 30, 'learning-rate': 0.01 }, strong: { steps: 60, 'learning-rate': 0.01 } },
  },
  mixture: {
    answer: 'number',
    task: { generator: 'gaussian-mixture', dimension: 4, components: 3, splits: { ...sizes, A: 12 } },
    models: {
      weak: { architecture: 'mixture', knows: 'nothing', habit: 1 },
      middle: { architecture: 'mixture', knows: 'nothing', shrinkage: 1 },
      strong: { architecture: 'mixture' },
    },
  },
};

/** Different short texts without a pattern. */
function sentences(purpose: string, count: number): string[] {
  const random = Random.of(0, 'sentences', purpose);
  const words = ['red', 'old', 'far', 'new', 'big', 'odd', 'wet', 'dry'];
  return Array.from({ length: count }, (_, n) => `${n} ${random.sample(words, 3).join(' ')}`);
}
