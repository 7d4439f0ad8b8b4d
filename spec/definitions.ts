/** @file The schema of each kind of entry, put together from the vocabulary: one source for checking, types and editors. */
import { z } from 'zod';
import type { DeviceClass } from '../plan/stage.js';
import { nameOf, unwrapped } from './check.js';
import { count, countOrNone, text } from './fields.js';
import { finetuneSchema, pretrainSchema } from './training.js';
import type { Vocabulary } from './vocabulary.js';

/** The keys at the top of a sweep file, in the order in which one writes them, and what each is for. */
export const sections = {
  name: 'what the sweep is called: its workflow is sweep/NAME',
  device: 'the device class that all numbers come from: cpu (default), webgpu or cuda',
  tasks: 'what is learnt: name → { generator: … } or { type: …, file: … }',
  models:
    'name → { architecture: …, …, pretrain: …, finetune: … }, or { answers: … } for answers that stand in the data',
  pairs: 'who supervises whom: a list of { weak: MODEL, strong: MODEL }, or { grid: [MODEL, …] }',
  finetune: 'settings of every fine-tuning; a model may override them with its own finetune',
  methods: 'ways to learn from weak labels: a list of NAME or NAME: { parameters }',
  controls: 'what methods are compared with: standard (default), none, or a list like methods',
  seeds: 'how many repetitions (0, 1, …), or a list of seeds; default 1',
  limits: 'how much runs at once and how often it is tried',
  scale: 'which of the scales; full (default): the sweep as it stands',
  scales: 'the sweep in other sizes: name → changes, each a path and a value, as --set has them',
} as const;
export type Section = keyof typeof sections;
export const sectionNames = Object.keys(sections) as Section[];
export const requiredSections: readonly Section[] = ['name', 'tasks', 'models', 'pairs', 'methods'];

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
export const nameRule = 'letters, digits, ".", "_" and "-", starting with a letter or a digit, at most 100';

/** Names become parts of paths, workflow ids and table rows. */
export const isName = (text: string): boolean => namePattern.test(text);

export const nameSchema = z.string().regex(namePattern).describe(sections.name);
const deviceClasses = ['cpu', 'webgpu', 'cuda'] as const satisfies readonly DeviceClass[];

export const deviceSchema = z.enum(deviceClasses).default('cpu').describe(sections.device);

const mostSeeds = 10_000;
export const seedCountSchema = z.int().min(1).max(mostSeeds);
export const seedSchema = countOrNone();

export const limitsSchema = z.object({
  'trials-at-once': count().default(200).describe('trials in flight at once'),
  attempts: count().default(3).describe('how often a stage is tried before it counts as failed'),
});

/** What a `finetune:` says: nothing has a default here, since a model's lies over the sweep's, and defaults under both. */
export const finetuneOverrides = z
  .object(
    Object.fromEntries(
      Object.entries(finetuneSchema.shape).map(([name, field]) => [
        name,
        z.optional(unwrapped(field)).describe(field.description ?? name),
      ]),
    ),
  )
  .superRefine((settings, context) => {
    if (settings['steps'] === undefined || settings['epochs'] === undefined) return;
    const message = 'steps and epochs are two ways to say the same: give one of them';
    context.addIssue({ code: 'custom', path: ['epochs'], message });
  });

/** How each kind of task says which it is. */
export type TaskKey = 'generator' | 'type';

export function taskRegistry(vocabulary: Vocabulary, key: TaskKey): Record<string, z.ZodObject> {
  return key === 'generator' ? vocabulary.generators : vocabulary.fileTasks;
}

/** A task of one definition. */
export function taskSchema(vocabulary: Vocabulary, key: TaskKey, name: string): z.ZodObject {
  const parameters = lookUp(taskRegistry(vocabulary, key), name);
  return onceFor(parameters, `${key} ${name}`, () => parameters.safeExtend({ [key]: z.literal(name) }));
}

/** A model of one architecture. */
export function modelSchema(vocabulary: Vocabulary, name: string): z.ZodObject {
  const parameters = lookUp(vocabulary.architectures, name);
  return onceFor(parameters, `architecture ${name}`, () =>
    parameters.safeExtend({
      architecture: z.literal(name),
      pretrain: pretrainSchema
        .prefault({})
        .describe('language modelling on the unlabelled text, before fine-tuning'),
      finetune: finetuneOverrides.prefault({}).describe("settings that differ from the sweep's finetune"),
    }),
  );
}

/** A supervisor whose answers stand in the data. */
export const answersSchema = z.object({
  answers: text().describe("whose answers in the data: a name that the task's file or preset gives them"),
});

/** Pairs of a family of models, the weakest first. */
export const gridSchema = z.object({
  grid: z.array(text()).min(1).describe('models, the weakest first: each supervises itself and all after it'),
});

const made = new WeakMap<z.ZodObject, Map<string, z.ZodObject>>();

/** Zod compiles a schema at its first use; made once for each definition, it is compiled once. */
function onceFor(parameters: z.ZodObject, definition: string, make: () => z.ZodObject): z.ZodObject {
  const known = made.get(parameters) ?? new Map<string, z.ZodObject>();
  const schema = known.get(definition) ?? make();
  made.set(parameters, known.set(definition, schema));
  return schema;
}

export function pairSchema(models: readonly string[]): z.ZodObject {
  return z.object({
    weak: nameOf('model', models).describe('the model that is trained on the truth of A and labels B'),
    strong: nameOf('model', models).describe('the model that is trained on those labels'),
  });
}

function lookUp(registry: Record<string, z.ZodObject>, name: string): z.ZodObject {
  const schema = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (schema === undefined) throw new RangeError(`the vocabulary has no ${name}`);
  return schema;
}
