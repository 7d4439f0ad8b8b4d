/** @file "Any value may be a list: one trial each": an entry of a sweep, checked and multiplied out. */
import { z } from 'zod';
import type { Json, JsonObject } from '../base/json.js';
import { asMap, checkLeaf, fieldsOf, joined, unwrapped } from './check.js';
import { isFilePath } from './fields.js';
import type { Reporter } from './mistakes.js';
import { describeSchema, describeValue } from './phrase.js';
import type { Span } from './source.js';
import { nearest } from './suggest.js';
import { plain, type Located, type LocatedMap, type LocatedScalar } from './yaml.js';

/** One of the ways to take an entry's lists. */
export interface Variant {
  /** With the schema's defaults. */
  parameters: JsonObject;
  /** What lists gave, by the path of the field within the entry; in the schema's order. */
  values: JsonObject;
  /** The fields that hold a file of the user's: as written, and where. */
  files: Record<string, LocatedScalar>;
}

/** One of the ways to take a value, before defaults. */
interface Choice {
  raw: Json;
  values: JsonObject;
  files: Record<string, LocatedScalar>;
  /** Where each field's value stands, for mistakes that only the whole entry shows. */
  places: Record<string, Place>;
}

interface Place {
  span: Span;
  path: string;
}

const mostVariants = 10_000;

/**
 * Every way to take the lists of an entry: the first field that the schema declares varies slowest, whatever the
 * order of keys in the file, and a list's values keep their order. A list that the schema itself wants is a value;
 * a list of such lists is one each.
 *
 * Mistakes go to the reporter, all of them; an entry with mistakes has no variants.
 */
export function expandEntry(schema: z.ZodObject, entry: Located, path: string, report: Reporter): Variant[] {
  const before = report.mistakes.length;
  const choices = choicesOf(schema, entry, { path, field: '', listed: false, inList: false }, report);
  if (report.mistakes.length > before) return [];
  return choices.map(({ raw, values, files }) => ({
    parameters: schema.parse(raw) as JsonObject,
    values,
    files,
  }));
}

interface At {
  /** In the file: "methods[1].naive.labels[0]". */
  path: string;
  /** In the entry: "labels", "pretrain.steps". */
  field: string;
  /** Whether a list led here, so that the value tells variants apart. */
  listed: boolean;
  /** Whether that list was this very field's: lists of alternatives do not nest. */
  inList: boolean;
}

function choicesOf(schema: z.core.$ZodType, value: Located, at: At, report: Reporter): Choice[] {
  const inner = unwrapped(schema);
  if (value.kind === 'list' && !at.inList && depthOf(value) > depthOfSchema(inner)) {
    if (value.items.length === 0) {
      const expected = `${describeSchema(schema)}, or a list of such values for one trial each`;
      const message = `an empty list leaves nothing to try; expected ${expected}.`;
      report.report(value.span, {
        code: 'wrong-value',
        path: at.path,
        message,
        found: 'an empty list',
        expected,
      });
    }
    reportRepeats(value.items, at.path, report);
    return value.items.flatMap((item, index) =>
      choicesOf(schema, item, { ...at, path: `${at.path}[${index}]`, listed: true, inList: true }, report),
    );
  }
  if (inner instanceof z.ZodObject) {
    const map = asMap(value);
    if (map !== undefined) return choicesOfObject(inner, map, at, report);
  }
  checkLeaf(schema, value, at.path, report);
  const leaf: Choice = { raw: plain(value), values: {}, files: {}, places: {} };
  if (at.listed) leaf.values[at.field] = leaf.raw;
  if (isFilePath(inner) && value.kind === 'scalar') leaf.files[at.field] = value;
  leaf.places[at.field] = { span: value.span, path: at.path };
  return [leaf];
}

function choicesOfObject(schema: z.ZodObject, map: LocatedMap, at: At, report: Reporter): Choice[] {
  const names = Object.keys(fieldsOf(schema));
  const misspelt = new Set<string | undefined>();
  for (const [key, entry] of map.entries)
    if (!Object.hasOwn(fieldsOf(schema), key))
      misspelt.add(reportUnknownKey(schema, key, entry.key, at.path, report));
  let choices: Choice[] = [
    { raw: {}, values: {}, files: {}, places: { [at.field]: { span: map.span, path: at.path } } },
  ];
  for (const name of names) {
    const fieldSchema = fieldsOf(schema)[name];
    if (fieldSchema === undefined) continue;
    const entry = map.entries.get(name);
    const path = joined(at.path, name);
    if (entry === undefined) {
      if (!z.safeParse(fieldSchema, undefined).success)
        reportMissing(fieldSchema, name, map, at.path, report);
      continue;
    }
    const field = joined(at.field, name);
    const options = choicesOf(
      fieldSchema,
      entry.value,
      { path, field, listed: at.listed, inList: false },
      report,
    );
    if (choices.length * options.length > mostVariants) {
      const message = `these lists multiply to ${choices.length * options.length} or more; the most that one entry may expand to is ${mostVariants}.`;
      report.report(entry.value.span, { code: 'too-many', path, message });
      return [];
    }
    choices = choices.flatMap((choice) => options.map((option) => withField(choice, name, option)));
  }
  for (const choice of choices)
    checkTogether(schema, choice, { span: map.span, path: at.path }, at.field, report);
  return choices;
}

/** What only the whole mapping shows. What its fields show by themselves is known by now. */
function checkTogether(
  schema: z.ZodObject,
  choice: Choice,
  entry: Place,
  field: string,
  report: Reporter,
): void {
  const parsed = schema.safeParse(choice.raw);
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code !== 'custom') continue;
    const steps = issue.path.map(String);
    let place: Place | undefined;
    while (place === undefined && steps.length > 0) {
      place = choice.places[steps.reduce(joined, field)];
      steps.pop();
    }
    const { span, path } = place ?? entry;
    report.report(span, { code: 'conflict', path, message: `${issue.message}.` });
  }
}

function withField(choice: Choice, name: string, option: Choice): Choice {
  return {
    raw: { ...(choice.raw as JsonObject), [name]: option.raw },
    values: { ...choice.values, ...option.values },
    files: { ...choice.files, ...option.files },
    places: { ...choice.places, ...option.places },
  };
}

/** @returns the key that was probably meant */
function reportUnknownKey(
  schema: z.ZodObject,
  key: string,
  span: Span,
  path: string,
  report: Reporter,
): string | undefined {
  const names = Object.keys(fieldsOf(schema));
  const suggestion = nearest(key, names);
  const homes = names.filter((name) => {
    const inner = unwrapped(fieldsOf(schema)[name] ?? z.never());
    return inner instanceof z.ZodObject && Object.hasOwn(fieldsOf(inner), key);
  });
  const elsewhere = homes.length > 0 ? ` (${key} belongs inside ${homes.join(' or ')}.)` : '';
  const keys = names.length === 0 ? 'nothing can be set here' : `known keys: ${names.join(', ')}`;
  report.report(span, {
    code: 'unknown-key',
    path: joined(path, key),
    message: `unknown key ${JSON.stringify(key)}; ${keys}.${elsewhere}`,
    found: key,
    expected: names.join(', '),
    ...(suggestion === undefined || homes.length > 0 ? {} : { suggestion }),
  });
  return homes.length > 0 ? undefined : suggestion;
}

function reportMissing(
  schema: z.core.$ZodType,
  name: string,
  map: LocatedMap,
  path: string,
  report: Reporter,
): void {
  const meaning = z.globalRegistry.get(schema)?.description;
  const expected = describeSchema(schema);
  const message = `${name} is missing; expected ${expected}${meaning === undefined ? '' : ` (${meaning})`}.`;
  // A mapping's own span may run over many lines; its first line is where one looks.
  const start = map.span.start;
  report.report(
    { ...map.span, end: Math.min(map.span.end, start + 1) },
    {
      code: 'missing-key',
      path: joined(path, name),
      message,
      expected,
    },
  );
}

function reportRepeats(items: readonly Located[], path: string, report: Reporter): void {
  const first = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const text = JSON.stringify(plain(item));
    const earlier = first.get(text);
    if (earlier === undefined) first.set(text, index);
    else {
      const message = `${describeValue(item)} stands in this list twice (also as number ${earlier + 1}); the same trial would be run twice.`;
      report.report(item.span, { code: 'duplicate', path: `${path}[${index}]`, message });
    }
  }
}

/** How many lists deep a value is. */
function depthOf(value: Located): number {
  if (value.kind !== 'list') return 0;
  // An empty list is a list of whatever is wanted; where the items differ, the shallowest says what the list is.
  return 1 + (value.items.length === 0 ? 0 : Math.min(...value.items.map(depthOf)));
}

/** How many lists deep the values of a schema are. */
export function depthOfSchema(schema: z.core.$ZodType): number {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return 1 + depthOfSchema(inner.element);
  if (inner instanceof z.ZodTuple)
    return 1 + Math.max(0, ...inner.def.items.map((item) => depthOfSchema(item)));
  if (inner instanceof z.ZodUnion) return Math.max(...inner.options.map((option) => depthOfSchema(option)));
  return 0;
}
