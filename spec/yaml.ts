/** @file YAML as a tree of plain values, each of which knows where it stands. */
import type { Alias } from 'yaml';
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  Scalar,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Json, JsonObject } from '../base/json.js';
import type { Reporter } from './mistakes.js';
import { positionAt, type Source, type Span } from './source.js';

export type Scalars = null | boolean | number | string;

export interface LocatedScalar {
  kind: 'scalar';
  value: Scalars;
  span: Span;
}

export interface LocatedList {
  kind: 'list';
  items: Located[];
  span: Span;
}

export interface LocatedMap {
  kind: 'map';
  /** In the file's order. */
  entries: Map<string, { key: Span; value: Located }>;
  span: Span;
}

/** A YAML value and its place. */
export type Located = LocatedScalar | LocatedList | LocatedMap;

// A file that needs more is not a sweep but an accident (or aliases of aliases of aliases).
const mostNodes = 200_000;
const mostLevels = 100;
const mostSyntaxMistakes = 10;

/**
 * Reads a source's text from `offset` on.
 * @returns `undefined` where the text is not YAML or is empty; the reporter then knows why.
 */
export function readYaml(
  source: Source,
  offset: number,
  path: string,
  report: Reporter,
): Located | undefined {
  const span = (start: number, end: number): Span => ({ source, start: start + offset, end: end + offset });
  try {
    const document = parseDocument(source.text.slice(offset), {
      prettyErrors: false,
      uniqueKeys: false,
    });
    const problems = [...document.errors, ...document.warnings];
    for (const problem of problems.slice(0, mostSyntaxMistakes))
      report.report(span(...problem.pos), { code: 'syntax', path, message: explain(problem) });
    if (problems.length > 0 || document.contents === null) return undefined;
    const reader = { document, span, report, path, nodes: 0, depth: 0, open: new Set<Node>(), isSound: true };
    const located = locate(reader, document.contents);
    return reader.isSound ? located : undefined;
  } catch (error) {
    // The parser recurses: text nested some thousand levels deep exhausts the stack.
    if (!(error instanceof RangeError)) throw error;
    const message = `this cannot be read as a sweep: ${error.message}.`;
    report.report(span(0, 1), { code: 'syntax', path, message });
    return undefined;
  }
}

interface Reader {
  document: Document.Parsed;
  span: (start: number, end: number) => Span;
  report: Reporter;
  path: string;
  nodes: number;
  depth: number;
  /** The anchors being read, to notice one inside itself. */
  open: Set<Node>;
  /** Whether the tree says what the text says. */
  isSound: boolean;
}

function locate(reader: Reader, node: Node, at?: Span): Located {
  if (++reader.nodes > mostNodes) throw new RangeError(`it holds more than ${mostNodes} values`);
  if (++reader.depth > mostLevels) throw new RangeError(`it is nested more than ${mostLevels} levels deep`);
  const located = locateInside(reader, node, at);
  reader.depth--;
  return located;
}

function locateInside(reader: Reader, node: Node, at: Span | undefined): Located {
  const [start, end] = node.range ?? [0, 0];
  const span = at ?? reader.span(start, end);
  if (isAlias(node)) return locateAlias(reader, node, span);
  if (isSeq(node)) {
    const items = node.items.map((item) => locateChild(reader, item, span, at));
    return { kind: 'list', items, span };
  }
  if (isMap(node)) {
    const entries: LocatedMap['entries'] = new Map();
    const merged: Located[] = [];
    for (const { key, value } of node.items) {
      const keySpan = at ?? spanOf(reader, key, span);
      const name = isScalar(key) ? keyText(key) : undefined;
      const item = locateChild(reader, value, keySpan, at);
      if (name === '<<' && !isQuoted(key)) merged.push(...(item.kind === 'list' ? item.items : [item]));
      else if (name === undefined) mistake(reader, keySpan, 'a key must be a plain name');
      else {
        const first = entries.get(name);
        if (first !== undefined && at === undefined) reportTwice(reader, name, first.key, keySpan);
        entries.set(name, { key: keySpan, value: item });
      }
    }
    for (const source of merged) mergeInto(reader, entries, source);
    return { kind: 'map', entries, span };
  }
  return { kind: 'scalar', value: scalarValue(reader, node, span), span };
}

function locateChild(reader: Reader, child: unknown, parent: Span, at: Span | undefined): Located {
  if (isPair(child)) throw new RangeError('pairs inside a list (!!pairs, !!omap) are not used in sweeps');
  if (isNode(child)) return locate(reader, child, at);
  return { kind: 'scalar', value: null, span: at ?? { ...parent, start: parent.end, end: parent.end } };
}

/** What an alias stands for, placed where the alias is written. */
function locateAlias(reader: Reader, alias: Alias, span: Span): Located {
  const target = alias.resolve(reader.document);
  if (target === undefined || reader.open.has(target)) {
    const message =
      target === undefined
        ? `there is no anchor &${alias.source} above`
        : `*${alias.source} stands inside itself`;
    mistake(reader, span, message);
    return { kind: 'scalar', value: null, span };
  }
  reader.open.add(target);
  try {
    return locate(reader, target, span);
  } finally {
    reader.open.delete(target);
  }
}

/** `<<: *anchor` gives the keys that the mapping does not have itself. */
function mergeInto(reader: Reader, entries: LocatedMap['entries'], source: Located): void {
  if (source.kind !== 'map') {
    mistake(reader, source.span, '<< takes a mapping, or a list of mappings, to merge in');
    return;
  }
  for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
}

function scalarValue(reader: Reader, node: Node, span: Span): Scalars {
  const value: unknown = node instanceof Scalar ? node.value : undefined;
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  mistake(reader, span, 'a value must be a text, a number, true, false, a list or a mapping');
  return null;
}

function keyText(key: Scalar): string | undefined {
  if (key.value === null) return key.source === undefined || key.source === '' ? undefined : key.source;
  if (typeof key.value === 'string') return key.value;
  return typeof key.value === 'number' || typeof key.value === 'boolean'
    ? String(key.source ?? key.value)
    : undefined;
}

const isQuoted = (key: unknown): boolean =>
  isScalar(key) && (key.type === 'QUOTE_DOUBLE' || key.type === 'QUOTE_SINGLE');

const isNode = (value: unknown): value is Node =>
  isAlias(value) || isScalar(value) || isSeq(value) || isMap(value);

function spanOf(reader: Reader, key: unknown, parent: Span): Span {
  const range = isNode(key) ? key.range : undefined;
  return range ? reader.span(range[0], range[1]) : parent;
}

function mistake(reader: Reader, span: Span, message: string): void {
  reader.isSound = false;
  reader.report.report(span, { code: 'syntax', path: reader.path, message: `${message}.` });
}

/** Values without places. */
export function plain(located: Located): Json {
  if (located.kind === 'scalar') return located.value;
  if (located.kind === 'list') return located.items.map(plain);
  const object: JsonObject = {};
  for (const [key, entry] of located.entries) {
    // Plain assignment to __proto__ would set the prototype.
    Object.defineProperty(object, key, {
      value: plain(entry.value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function reportTwice(reader: Reader, name: string, first: Span, second: Span): void {
  const { line } = positionAt(first.source, first.start);
  const message = `${JSON.stringify(name)} is written twice in the same mapping, here and on line ${line}; keep one.`;
  reader.report.report(second, { code: 'duplicate', path: reader.path, message });
}

/** The parser's message, in the words of someone who did not write the parser. */
function explain(problem: YAMLError): string {
  switch (problem.code) {
    case 'TAB_AS_INDENT':
      return 'a tab is used for indentation, and YAML takes spaces only: replace it by spaces';
    case 'BAD_INDENT':
      return `the indentation does not fit: ${lowerFirst(problem.message)}`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second ": " on one line: put a text that contains ": " in quotes, and nested keys on lines of their own';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key must stand on one line, and "key: value" needs a colon and a blank';
    case 'MISSING_CHAR':
      return `something is not closed or not ended: ${lowerFirst(problem.message)}`;
    case 'BAD_SCALAR_START':
      return 'a text cannot start with this character unless it is in quotes';
    case 'MULTIPLE_DOCS':
      return 'a second document starts here (---), and a sweep file holds one';
    case 'TAG_RESOLVE_FAILED':
      return `${lowerFirst(problem.message)}: sweeps use no tags; put a text that starts with "!" in quotes`;
    default:
      return `this is not YAML: ${lowerFirst(problem.message)}`;
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
