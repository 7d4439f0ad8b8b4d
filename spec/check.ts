/** @file One value against its schema: what is wrong with it, in words, and what was probably meant. */
import { z } from 'zod';
import type { Reporter } from './mistakes.js';
import { describeSchema, describeValue } from './phrase.js';
import { nearest } from './suggest.js';
import { plain, type Located, type LocatedMap } from './yaml.js';

/** A value that is not taken apart further, against its schema. */
export function checkLeaf(schema: z.core.$ZodType, value: Located, path: string, report: Reporter): void {
  const parsed = z.safeParse(schema, plain(value));
  if (parsed.success) return;
  for (const issue of parsed.error.issues) {
    const place = descend(schema, value, path, issue.path);
    if (issue.code === 'custom')
      report.report(place.value.span, { code: 'conflict', path: place.path, message: `${issue.message}.` });
    else if (!reportUnknownName(place.schema, place.value, place.path, report))
      reportWrong(place.value, place.path, describeSchema(place.schema), choicesIn(place.schema), report);
  }
}

/** One of the names of something that the sweep defines or the vocabulary knows ("model", "generator"). */
export function nameOf(what: string, names: readonly string[]): z.ZodEnum {
  return z.enum([...names]).meta({ temperName: what });
}

function reportUnknownName(schema: z.core.$ZodType, value: Located, path: string, report: Reporter): boolean {
  const what = z.globalRegistry.get(unwrapped(schema))?.['temperName'];
  if (typeof what !== 'string' || value.kind !== 'scalar' || typeof value.value !== 'string') return false;
  const names = choicesIn(schema);
  const suggestion = nearest(value.value, names);
  report.report(value.span, {
    code: 'unknown-name',
    path,
    message: `there is no ${what} ${JSON.stringify(value.value)}; there is ${names.join(', ') || 'none at all'}.`,
    found: value.value,
    expected: `one of ${names.join(', ')}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
  return true;
}

/** "found X, expected Y", with what was probably meant. */
export function reportWrong(
  value: Located,
  path: string,
  expected: string,
  choices: readonly string[],
  report: Reporter,
): void {
  const found = describeValue(value);
  const suggestion = guess(value, choices, expected);
  report.report(value.span, {
    code: 'wrong-value',
    path,
    message: `found ${found}, expected ${expected}.`,
    found,
    expected,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
}

function guess(value: Located, choices: readonly string[], expected: string): string | undefined {
  if (value.kind !== 'scalar') return undefined;
  if (typeof value.value === 'number' || typeof value.value === 'boolean')
    return expected.startsWith('a text') ? `"${value.value}" (a text, in quotes)` : undefined;
  if (typeof value.value !== 'string') return undefined;
  const near = nearest(value.value, choices);
  if (near !== undefined) return near;
  if (/\b(?:number|whole number)\b/.test(expected)) {
    const digits = value.value.replace(/[_,\s]/g, '');
    if (digits !== '' && Number.isFinite(Number(digits)))
      return `${Number(digits)} (a number, without quotes)`;
  }
  if (expected === 'true or false') {
    if (/^(?:yes|on|y)$/i.test(value.value)) return 'true';
    if (/^(?:no|off|n)$/i.test(value.value)) return 'false';
  }
  return undefined;
}

/** The innermost value, its path and its schema that an issue of a value is about. */
function descend(schema: z.core.$ZodType, value: Located, path: string, steps: readonly PropertyKey[]) {
  for (const step of steps) {
    const inner = unwrapped(schema);
    const next =
      value.kind === 'list' && typeof step === 'number'
        ? value.items[step]
        : value.kind === 'map'
          ? value.entries.get(String(step))?.value
          : undefined;
    const nextSchema =
      inner instanceof z.ZodArray
        ? inner.element
        : inner instanceof z.ZodTuple
          ? inner.def.items[Number(step)]
          : inner instanceof z.ZodObject
            ? fieldsOf(inner)[String(step)]
            : undefined;
    if (next === undefined || nextSchema === undefined) break;
    value = next;
    path = typeof step === 'number' ? `${path}[${step}]` : joined(path, String(step));
    schema = nextSchema;
  }
  return { schema, value, path };
}

/** The names that a schema takes, if names are what it takes. */
function choicesIn(schema: z.core.$ZodType): string[] {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodEnum) return inner.options.map(String);
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(String);
  return inner instanceof z.ZodUnion ? inner.options.flatMap(choicesIn) : [];
}

/** The schema inside defaults and optionals. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodReadonly
  )
    inner = inner.def.innerType;
  return inner;
}

/** `pretrain:` with nothing after it is an empty mapping. */
export function asMap(value: Located): LocatedMap | undefined {
  if (value.kind === 'map') return value;
  return value.kind === 'scalar' && value.value === null
    ? { kind: 'map', entries: new Map(), span: value.span }
    : undefined;
}

export const joined = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** The fields of a mapping's schema; zod's own type of them is `any`. */
export function fieldsOf(schema: z.ZodObject): Record<string, z.core.$ZodType> {
  return schema.shape;
}
