/** @file The `models:`, `finetune:` and `pairs:` of a sweep, which multiply out together. */
import { canonicalJson, type JsonObject } from '../base/json.js';
import { checkLeaf, nameOf } from './check.js';
import { answersSchema, finetuneOverrides, gridSchema, modelSchema, pairSchema } from './definitions.js';
import { entriesByName, readDefinition } from './entries.js';
import { expandEntry, type Variant } from './expand.js';
import { labelOf } from './labels.js';
import type { Reporter } from './mistakes.js';
import { describeValue } from './phrase.js';
import {
  defaultFinetuneSteps,
  finetuneSchema,
  pretrainSchema,
  type FinetuneSettings,
  type PretrainSettings,
} from './training.js';
import type { Vocabulary } from './vocabulary.js';
import type { Located, LocatedMap } from './yaml.js';

/** A model with one choice of its parameters. */
export interface SweepModel {
  /** "strong", or "strong[width=64]" where a list gave the width. */
  label: string;
  name: string;
  values: JsonObject;
  architecture: string;
  parameters: JsonObject;
  pretrain: PretrainSettings;
  finetune: FinetuneSettings;
  /** Of a supervisor whose answers stand in the data: their name there. It has no architecture. */
  answers?: string;
}

/** Labels of two models. */
export interface SweepPair {
  weak: string;
  strong: string;
}

/** A model before the sweep's fine-tuning settings are laid under its own. */
interface Draft {
  name: string;
  architecture: string;
  values: JsonObject;
  variant: Variant;
}

/**
 * Models and pairs, multiplied out. A list in the sweep's own `finetune` gives both models of a pair the same value;
 * lists in a model give that model a variant each, and a pair every combination of its two models' variants.
 */
export function readModels(
  sections: { models?: Located; finetune?: Located; pairs?: Located },
  vocabulary: Vocabulary,
  report: Reporter,
): { models: Record<string, SweepModel>; pairs: SweepPair[] } {
  const finetunes = sections.finetune
    ? expandEntry(finetuneOverrides, sections.finetune, 'finetune', report)
    : [{ parameters: {}, values: {}, files: {} }];
  const drafts = sections.models ? readDrafts(sections.models, vocabulary, report) : [];
  const names =
    sections.models?.kind === 'map'
      ? [...sections.models.entries.keys()].sort()
      : [...new Set(drafts.map((d) => d.name))];
  const wanted = sections.pairs && names.length > 0 ? readPairs(sections.pairs, names, report) : [];
  const models = new Map<string, SweepModel>();
  const pairs = new Map<string, SweepPair>();
  for (const finetune of finetunes) {
    const byName = new Map<string, SweepModel[]>();
    for (const draft of drafts) {
      const model = finished(draft, finetune);
      models.set(model.label, model);
      byName.set(model.name, [...(byName.get(model.name) ?? []), model]);
    }
    for (const { weak, strong } of wanted)
      for (const teacher of byName.get(weak) ?? [])
        for (const student of byName.get(strong) ?? [])
          pairs.set(`${teacher.label} ${student.label}`, { weak: teacher.label, strong: student.label });
  }
  return { models: Object.fromEntries(models), pairs: [...pairs.values()] };
}

function readDrafts(section: Located, vocabulary: Vocabulary, report: Reporter): Draft[] {
  return entriesByName(section, 'models', report).flatMap(({ name, entry, path }) => {
    if (entry.entries.has('answers')) {
      return expandEntry(answersSchema, entry, path, report).map((variant) => ({
        name,
        architecture: '',
        values: variant.values,
        variant,
      }));
    }
    return readDefinition(
      entry,
      path,
      'model',
      { architecture: Object.keys(vocabulary.architectures) },
      report,
    ).flatMap((found) =>
      expandEntry(modelSchema(vocabulary, found.name), found.entry, path, report).map((variant) => ({
        name,
        architecture: found.name,
        values: { ...found.values, ...variant.values },
        variant,
      })),
    );
  });
}

function readPairs(section: Located, names: readonly string[], report: Reporter): SweepPair[] {
  const grid = section.kind === 'map' ? section.entries.get('grid') : undefined;
  if (section.kind === 'map' && grid !== undefined) return readGrid(section, grid.value, names, report);
  if (section.kind !== 'list' || section.items.length === 0) {
    const found = describeValue(section);
    const expected = 'a list of pairs, each "- { weak: MODEL, strong: MODEL }", or { grid: [MODEL, …] }';
    report.report(section.span, {
      code: 'wrong-value',
      path: 'pairs',
      message: `found ${found}, expected ${expected}.`,
      found,
      expected,
    });
    return [];
  }
  const schema = pairSchema(names);
  const seen = new Map<string, string>();
  return section.items.flatMap((item, index) => {
    const path = `pairs[${index}]`;
    return expandEntry(schema, item, path, report).flatMap(({ parameters }) => {
      const pair = parameters as unknown as SweepPair;
      const identity = canonicalJson(pair);
      const earlier = seen.get(identity);
      if (earlier !== undefined) {
        const message = `${pair.weak} → ${pair.strong} stands in pairs twice (also as ${earlier}); keep one.`;
        report.report(item.span, { code: 'duplicate', path, message });
      }
      seen.set(identity, earlier ?? path);
      return [pair];
    });
  });
}

/** Every model as the supervisor of itself and of all that stand after it (openai/weak-to-strong, sweep.py). */
function readGrid(
  section: LocatedMap,
  list: Located,
  names: readonly string[],
  report: Reporter,
): SweepPair[] {
  const before = report.mistakes.length;
  expandEntry(gridSchema, section, 'pairs', report);
  const items = list.kind === 'list' ? list.items : [];
  items.forEach((item, index) => checkLeaf(nameOf('model', names), item, `pairs.grid[${index}]`, report));
  if (report.mistakes.length > before) return [];
  const models = items.map((item) => (item.kind === 'scalar' ? String(item.value) : ''));
  return models.flatMap((weak, index) => models.slice(index).map((strong) => ({ weak, strong })));
}

/** Lays a model's own fine-tuning settings over the sweep's, and both over the defaults. */
function finished({ name, architecture, values, variant }: Draft, sweep: Variant): SweepModel {
  const { answers } = variant.parameters;
  if (architecture === '' && typeof answers === 'string') {
    return {
      label: labelOf(name, values),
      name,
      values,
      architecture,
      parameters: {},
      pretrain: pretrainSchema.parse({}),
      finetune: finetuneSchema.parse({}),
      answers,
    };
  }
  const {
    architecture: _,
    pretrain,
    finetune: own,
    ...parameters
  } = variant.parameters as JsonObject & {
    pretrain: PretrainSettings & JsonObject;
    finetune: JsonObject;
  };
  const overridden = new Set(Object.keys(own));
  // One of the two says how long; whichever the model gives replaces whichever the sweep gives.
  if (overridden.has('steps') || overridden.has('epochs')) overridden.add('steps').add('epochs');
  const kept = (settings: JsonObject): [string, JsonObject[string]][] =>
    Object.entries(settings).filter(([field]) => !overridden.has(field));
  const merged: JsonObject = { ...Object.fromEntries(kept(sweep.parameters)), ...own };
  if (merged['steps'] === undefined && merged['epochs'] === undefined) merged['steps'] = defaultFinetuneSteps;
  const shared = kept(sweep.values).map(([field, value]) => [`finetune.${field}`, value] as const);
  const all: JsonObject = { ...values, ...Object.fromEntries(shared) };
  const finetune = finetuneSchema.parse(merged);
  return { label: labelOf(name, all), name, values: all, architecture, parameters, pretrain, finetune };
}
