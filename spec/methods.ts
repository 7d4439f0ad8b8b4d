/** @file The `methods:` and `controls:` of a sweep. */
import { z } from 'zod';
import { canonicalJson, type Json, type JsonObject } from '../base/json.js';
import { asMap, fieldsOf, joined, unwrapped } from './check.js';
import { expandEntry, type Variant } from './expand.js';
import { valuesText } from './labels.js';
import type { Reporter } from './mistakes.js';
import { isModulePath } from './modules.js';
import { describeValue } from './phrase.js';
import type { Span } from './source.js';
import { nearest } from './suggest.js';
import type { Vocabulary } from './vocabulary.js';
import type { Located, LocatedMap } from './yaml.js';

/** A method or a control with one choice of its parameters. */
export interface SweepMethod {
  /** "icl-refinement examples=4 contexts=1": the row of the table. */
  label: string;
  name: string;
  /** What lists gave, and whatever else tells the sweep's uses of one method apart; in the method's own order. */
  values: JsonObject;
  parameters: JsonObject;
  /** Whether it came with `controls: standard`, and not by its name. */
  standard?: boolean;
}

interface Use {
  name: string;
  variant: Variant;
}

/** A list of methods (`what`: "method" or "control"), expanded, in the file's order. */
export function readMethods(
  list: Located,
  section: string,
  what: 'method' | 'control',
  registry: Record<string, z.ZodObject>,
  report: Reporter,
): SweepMethod[] {
  if (list.kind === 'scalar' && isModulePath(list.value)) {
    const alone: Located = { kind: 'list', items: [list], span: list.span };
    return readMethods(alone, section, what, registry, report);
  }
  if (list.kind !== 'list') {
    const expected = `a list of ${what}s, each "- NAME" or "- NAME: { parameters }"`;
    const message = `found ${describeValue(list)}, expected ${expected}.`;
    report.report(list.span, {
      code: 'wrong-value',
      path: section,
      message,
      expected,
      found: describeValue(list),
    });
    return [];
  }
  const uses: Use[] = [];
  const seen = new Map<string, string>();
  for (const [index, item] of list.items.entries()) {
    const path = `${section}[${index}]`;
    const named = nameAndParameters(item, path, what, Object.keys(registry), report);
    const schema = named && Object.hasOwn(registry, named.name) ? registry[named.name] : undefined;
    if (named === undefined || schema === undefined) continue;
    for (const variant of expandEntry(schema, named.parameters, joined(path, named.name), report)) {
      const identity = canonicalJson([named.name, variant.parameters]);
      const earlier = seen.get(identity);
      if (earlier === undefined) uses.push({ name: named.name, variant });
      else {
        const message = `this is the same ${what} with the same parameters as ${earlier}; every trial of it would be run twice.`;
        report.report(named.span, { code: 'duplicate', path, message });
      }
      seen.set(identity, earlier ?? path);
    }
  }
  return uses.map((use) => describeUse(use, uses, registry));
}

/** The controls that `standard` stands for: all there are, with their defaults or with the choices that they name. */
export function standardControls({ controls, standard = {} }: Vocabulary): SweepMethod[] {
  const uses = Object.entries(controls).flatMap(([name, schema]) =>
    (standard[name] ?? [{}]).map((chosen): Use => {
      const parameters = schema.parse(chosen) as JsonObject;
      return { name, variant: { parameters, values: {}, files: {} } };
    }),
  );
  return uses.map((use) => ({ ...describeUse(use, uses, controls), standard: true }));
}

function nameAndParameters(item: Located, path: string, what: string, known: string[], report: Reporter) {
  if (item.kind === 'scalar' && typeof item.value === 'string') {
    const parameters: LocatedMap = { kind: 'map', entries: new Map(), span: item.span };
    return checkedName(item.value, parameters, item.span, path, what, known, report);
  }
  const first = item.kind === 'map' ? [...item.entries][0] : undefined;
  if (item.kind !== 'map' || first === undefined) {
    const expected = `the name of a ${what}, or "NAME: { parameters }"`;
    const message = `found ${describeValue(item)}, expected ${expected}.`;
    report.report(item.span, { code: 'wrong-value', path, message, expected, found: describeValue(item) });
    return undefined;
  }
  const [name, { key, value }] = first;
  if (item.entries.size > 1) {
    reportSeveralKeys(item, name, path, what, known, report);
    return undefined;
  }
  return checkedName(name, asMap(value) ?? value, key, path, what, known, report);
}

/** A name that is not known is reported; its parameters are checked all the same, as those of what was probably meant. */
function checkedName(
  name: string,
  parameters: Located,
  span: Span,
  path: string,
  what: string,
  known: string[],
  report: Reporter,
) {
  if (known.includes(name)) return { name, parameters, span };
  const suggestion = nearest(name, known);
  report.report(span, {
    code: 'unknown-name',
    path,
    message: `there is no ${what} ${JSON.stringify(name)}; there is ${known.join(', ') || 'none at all'}.`,
    found: name,
    expected: `one of ${known.join(', ')}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
  // Without parameters there is nothing to check, and what is required would be reported as missing.
  const isBare = parameters.kind === 'map' && parameters.entries.size === 0;
  return suggestion === undefined || isBare ? undefined : { name: suggestion, parameters, span };
}

/** Two keys in one entry: mostly parameters that are not indented below the method they belong to. */
function reportSeveralKeys(
  item: LocatedMap,
  name: string,
  path: string,
  what: string,
  known: string[],
  report: Reporter,
): void {
  const [, second] = [...item.entries];
  if (second === undefined) return;
  const [key, entry] = second;
  const message = known.includes(key)
    ? `${name} and ${key} stand in one entry of the list; put "- " before each ${what}.`
    : `${key} stands beside ${name}, not inside it; indent it further, or write "- ${name}: { ${key}: … }".`;
  report.report(entry.key, { code: 'wrong-value', path: joined(path, key), message });
}

/** Gives a use its label: what lists gave, and every parameter in which it differs from others of its name. */
function describeUse(use: Use, all: readonly Use[], registry: Record<string, z.ZodObject>): SweepMethod {
  const { name, variant } = use;
  const schema = registry[name];
  const same = all.filter((other) => other.name === name).map((other) => other.variant);
  const values: JsonObject = {};
  for (const field of schema === undefined ? [] : leafFields(schema)) {
    const value = valueAt(variant.parameters, field);
    const texts = new Set(same.map((other) => canonicalJson(valueAt(other.parameters, field) ?? null)));
    if (value !== undefined && (Object.hasOwn(variant.values, field) || texts.size > 1))
      values[field] = value;
  }
  return {
    label: [name, valuesText(values, ' ')].join(' ').trim(),
    name,
    values,
    parameters: variant.parameters,
  };
}

function leafFields(schema: z.ZodObject): string[] {
  return Object.entries(fieldsOf(schema)).flatMap(([name, field]) => {
    const inner = unwrapped(field);
    return inner instanceof z.ZodObject ? leafFields(inner).map((leaf) => joined(name, leaf)) : [name];
  });
}

function valueAt(parameters: JsonObject, field: string): Json | undefined {
  let value: Json | undefined = parameters;
  for (const step of field.split('.')) {
    const object: Json | undefined = value;
    value =
      object !== null && typeof object === 'object' && !Array.isArray(object) ? object[step] : undefined;
  }
  return value;
}
