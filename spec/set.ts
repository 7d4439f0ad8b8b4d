/** @file `--set path=value`: changes to a sweep file from the command line, each with its own place in messages. */
import { describeValue } from './phrase.js';
import type { MistakeNote, Reporter } from './mistakes.js';
import type { Source, Span } from './source.js';
import { nearest } from './suggest.js';
import { readYaml, type Located, type LocatedMap } from './yaml.js';

interface Segment {
  name: string | number;
  start: number;
  end: number;
}

/** Sections whose keys are names that the user made up: a `--set` may change an entry, not invent one. */
const namedByUser = new Set(['tasks', 'models']);

/**
 * Applies `--set` arguments in order to the tree of a sweep file, in place. Values are YAML; `path=null` and `path=`
 * take a key away.
 * @param sections the keys that a sweep file may have at its top
 * @param folder where relative paths in values start from
 */
export function applySets(
  root: LocatedMap,
  sets: readonly string[],
  sections: readonly string[],
  folder: string,
  report: Reporter,
): void {
  for (const text of sets) applySet(root, { name: '--set', kind: 'set', text, folder }, sections, report);
}

function applySet(root: LocatedMap, source: Source, sections: readonly string[], report: Reporter): void {
  const { text } = source;
  const equals = equalsSign(text);
  const whole: Span = { source, start: 0, end: text.length };
  if (equals < 1) {
    const message =
      'a --set reads path=value, as in --set seeds=3 or --set tasks.safety.file=/data/safety.csv.';
    report.report(whole, { code: 'unknown-path', path: '', message });
    return;
  }
  const path = text.slice(0, equals);
  const remove = text.slice(equals + 1).trim() === '';
  const end: Span = { source, start: text.length, end: text.length };
  const value = remove
    ? ({ kind: 'scalar', value: null, span: end } as const)
    : readYaml(source, equals + 1, path, report);
  if (value === undefined) return;
  setPath(root, path, { ...whole, end: equals }, value, sections, report);
}

/**
 * Puts a value where a path leads, in place; null takes a key away.
 * @param span where the path stands
 */
export function setPath(
  root: LocatedMap,
  path: string,
  span: Span,
  value: Located,
  sections: readonly string[],
  report: Reporter,
): void {
  const { source } = span;
  const segments = segmentsOf(path)?.map((segment) => ({
    ...segment,
    start: segment.start + span.start,
    end: segment.end + span.start,
  }));
  if (segments === undefined || segments.length === 0) {
    const message = `${JSON.stringify(path)} is not a path; paths look like models.strong.width or methods[0].naive.labels.`;
    report.report(span, { code: 'unknown-path', path, message });
    return;
  }
  const unknown = (segment: Segment, note: Omit<MistakeNote, 'code' | 'path'>): void =>
    report.report(
      { source, start: segment.start, end: segment.end },
      { code: 'unknown-path', path, ...note },
    );
  const first = segments[0];
  if (first && !sections.includes(String(first.name))) {
    const suggestion = nearest(String(first.name), sections);
    const message = `a sweep has no ${JSON.stringify(first.name)}; it has ${sections.join(', ')}.`;
    unknown(first, { message, ...(suggestion === undefined ? {} : { suggestion }) });
    return;
  }
  place({ source, unknown, sections }, root, segments, value, []);
}

interface Placing {
  source: Source;
  sections: readonly string[];
  unknown: (segment: Segment, note: Omit<MistakeNote, 'code' | 'path'>) => void;
}

/** Walks to the last segment but one, then puts the value there. */
function place(placing: Placing, at: Located, segments: Segment[], value: Located, walked: string[]): void {
  const [segment, ...rest] = joinDottedName(at, segments);
  if (segment === undefined) return;
  const here = walked.join('');
  if (at.kind === 'list') {
    const item = typeof segment.name === 'number' ? at.items[segment.name] : undefined;
    if (item === undefined || typeof segment.name !== 'number')
      return noSuchEntry(placing, at, segment, rest, here);
    const next = asMethodMapping(item, rest[0]);
    if (rest.length === 0) at.items[segment.name] = value;
    else {
      at.items[segment.name] = next;
      place(placing, next, rest, value, [...walked, `[${segment.name}]`]);
    }
    return;
  }
  const name = String(segment.name);
  if (at.kind === 'scalar') {
    const message = `${here} is ${describeValue(at)} and has nothing inside it that could be set.`;
    return placing.unknown(segment, { message });
  }
  const entry = at.entries.get(name);
  const isEntryOfList =
    walked.at(-1)?.startsWith('[') === true && (walked[0] === 'methods' || walked[0] === 'controls');
  if (entry === undefined && (namedByUser.has(here) || isEntryOfList)) {
    const known = [...at.entries.keys()];
    const suggestion = nearest(name, known);
    const message = `${here} has no ${JSON.stringify(name)} in the file; it has ${known.join(', ') || 'no entries'}.`;
    return placing.unknown(segment, { message, ...(suggestion === undefined ? {} : { suggestion }) });
  }
  const span: Span = { source: placing.source, start: segment.start, end: segment.end };
  if (rest.length > 0) {
    const existing = entry?.value;
    const isNothing = existing === undefined || (existing.kind === 'scalar' && existing.value === null);
    const next: Located = isNothing ? { kind: 'map', entries: new Map(), span } : existing;
    if (isNothing) at.entries.set(name, { key: span, value: next });
    place(placing, next, rest, value, [...walked, walked.length === 0 ? name : `.${name}`]);
  } else if (value.kind === 'scalar' && value.value === null) at.entries.delete(name);
  else at.entries.set(name, { key: span, value });
}

/** `- confidence` is short for `- confidence: {}`, which is what a path into it needs. */
function asMethodMapping(item: Located, next: Segment | undefined): Located {
  if (next === undefined || item.kind !== 'scalar' || item.value !== next.name) return item;
  const inner: LocatedMap = { kind: 'map', entries: new Map(), span: item.span };
  const entries: LocatedMap['entries'] = new Map();
  entries.set(String(item.value), { key: item.span, value: inner });
  return { kind: 'map', entries, span: item.span };
}

function noSuchEntry(
  placing: Placing,
  list: Located & { kind: 'list' },
  segment: Segment,
  rest: Segment[],
  here: string,
) {
  const names = list.items.map((item) =>
    item.kind === 'scalar'
      ? String(item.value)
      : item.kind === 'map'
        ? [...item.entries.keys()].join('+')
        : 'a list',
  );
  const entries = names.map((name, index) => `${here}[${index}] (${name})`).join(', ');
  const index = names.indexOf(String(segment.name));
  const tail = [segment, ...rest].map((part) =>
    typeof part.name === 'number' ? `[${part.name}]` : `.${part.name}`,
  );
  placing.unknown(segment, {
    message: `${here} is a list of ${list.items.length}: ${entries}.`,
    ...(index < 0 ? {} : { suggestion: `${here}[${index}]${tail.join('')}` }),
  });
}

/** A name with dots in it (`qwen2.5`) reads as several segments; what stands in the file decides. */
function joinDottedName(at: Located, segments: Segment[]): Segment[] {
  if (at.kind !== 'map') return segments;
  for (let length = segments.length; length > 1; length--) {
    const joined = segments
      .slice(0, length)
      .map((segment) => segment.name)
      .join('.');
    const [first, last] = [segments[0], segments[length - 1]];
    if (first && last && at.entries.has(joined))
      return [{ name: joined, start: first.start, end: last.end }, ...segments.slice(length)];
  }
  return segments;
}

/** The first `=` outside quotes. */
function equalsSign(text: string): number {
  return /^(?:"[^"]*"|'[^']*'|[^="'])*(?==)/.exec(text)?.[0].length ?? -1;
}

/** `methods[0].naive.labels` → its parts and where they stand; names with odd characters may be quoted. */
function segmentsOf(path: string): Segment[] | undefined {
  const pattern = /\[(\d+)\]|(?:^|\.)(?:"([^"]+)"|'([^']+)'|(\d+)(?=[.[]|$)|([^.[\]"'\s]+))/y;
  const segments: Segment[] = [];
  while (pattern.lastIndex < path.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(path);
    if (match === null) return undefined;
    const [, bracketed, double, single, digits, bare] = match;
    const number = bracketed ?? digits;
    const name = number === undefined ? (double ?? single ?? bare ?? '') : Number(number);
    segments.push({ name, start: start + (match[0].startsWith('.') ? 1 : 0), end: pattern.lastIndex });
  }
  return segments;
}
