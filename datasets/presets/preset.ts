/** @file A preset: published data as a task of its own, with its source, columns and template filled in. */
import { z } from 'zod';
import { hashOf, type JsonObject } from '../../base/json.js';
import { classification } from '../classification.js';
import { fetchSource } from '../hub.js';
import { preference } from '../preference.js';
import { questionAnswer } from '../question-answer.js';
import { fileParameters, type SourceParameters } from '../source.js';
import type { TaskDefinition, TaskParameters } from '../task.js';

const bases = {
  classification: classification as unknown as TaskDefinition,
  preference: preference as unknown as TaskDefinition,
  'question-answer': questionAnswer as unknown as TaskDefinition,
};

/** Where data is on the hub, and how it was cut. What a branch holds is looked up when a sweep is planned. */
export interface HubSource {
  readonly hub: string;
  readonly revision?: string;
  readonly config?: string;
  /** Default: train. */
  readonly split?: string;
  readonly 'validation-split'?: string;
  readonly 'test-split'?: string;
}

export interface Preset {
  /** The task's name in a sweep: `type: sciq`. */
  readonly name: string;
  /** One sentence: what is asked. */
  readonly summary: string;
  readonly base: keyof typeof bases;
  /** Where it comes from: an address that a person can open. */
  readonly origin: string;
  /** As its publishers state it. */
  readonly licence: string;
  /** Absent where it is not on the hub: then a sweep names the file. */
  readonly source?: HubSource;
  /** The columns that are read. */
  readonly columns: readonly string[];
  /** Which of the systems before Temper have it, and how they turned it into a task. */
  readonly as: string;
  /** What the base task is told: its parameters. */
  readonly settings: JsonObject;
  /** Bugs of the earlier code that were left behind. */
  readonly leavesBehind?: readonly string[];
}

/** The branch where the hub keeps what it has converted itself, one folder a configuration, one a split. */
export const converted = 'refs/convert/parquet';

/** The definition of a preset's task: the base task's, with other defaults. */
export function taskOf(preset: Preset): TaskDefinition {
  const base = bases[preset.base];
  const parameters = schemaOf(preset, base);
  // Values that equal a default are left out of keys: this one changes whenever the preset does.
  const version = hashOf(preset.settings);
  const keyed = (given: Partial<TaskParameters>) => ({ ...given, preset: version });
  const full = (given: Partial<TaskParameters>): TaskParameters => {
    const { preset: _, ...rest } = given;
    return parameters.parse(rest);
  };
  return {
    ...base,
    name: preset.name,
    summary: preset.summary,
    parameters,
    fetch: (p) => fetchSource(withSource(preset, p as SourceParameters)),
    corpusParameters: (p) => keyed(base.corpusParameters(p)),
    exampleParameters: (p) => keyed(base.exampleParameters(p)),
    corpus: async (given, seed, files) => base.corpus(full(given), seed, files),
    async examples(given, seed, files) {
      const examples = await base.examples(full(given), seed, files);
      return { ...examples, report: { ...examples.report, task: preset.name } };
    },
    ...(base.grade === undefined
      ? {}
      : {
          grade: (answer, truth, item, given) =>
            base.grade!(answer, truth, item, { ...preset.settings, ...given }),
        }),
  };
}

/** The parameters with the preset's place on the hub, where the sweep names no files of its own. */
function withSource<P extends SourceParameters>(preset: Preset, p: P): P {
  const named = fileParameters.some((name) => p[name as keyof SourceParameters] !== undefined);
  if (named || preset.source === undefined) return p;
  return { ...preset.source, ...p };
}

function schemaOf(preset: Preset, base: TaskDefinition): z.ZodObject & z.ZodType<TaskParameters> {
  const fields = base.parameters.shape as Record<string, z.ZodType>;
  const shape = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      Object.hasOwn(preset.settings, name) ? withDefault(field, preset.settings[name]) : field,
    ]),
  );
  return z.strictObject(shape).superRefine((p, context) => {
    // A sweep's schema adds `type`, which the base task does not know.
    const known = Object.fromEntries(Object.entries(p).filter(([name]) => Object.hasOwn(fields, name)));
    const { success, error } = base.parameters.safeParse(withSource(preset, known as SourceParameters));
    if (success) return;
    for (const issue of error.issues) {
      const isHome = preset.source === undefined && issue.path[0] === 'file';
      const message = isHome
        ? `this data is not on the hub: get it from ${preset.origin}, and name it by file: PATH`
        : issue.message;
      context.addIssue({ code: 'custom', path: issue.path, message });
    }
  });
}

/** The field with another default, described as before. */
function withDefault(field: z.ZodType, value: unknown): z.ZodType {
  let inner: z.ZodType = field;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap() as z.ZodType;
  const description = z.globalRegistry.get(field)?.description;
  const changed = inner.default(value as never);
  return description === undefined ? changed : changed.describe(description);
}
