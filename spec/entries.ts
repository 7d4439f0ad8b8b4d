/** @file Entries under a name that the user made up: `tasks:` and `models:`, and which definition each one uses. */
import type { JsonObject } from '../base/json.js';
import { isName, nameRule } from './definitions.js';
import { asMap, checkLeaf, joined, nameOf } from './check.js';
import type { Reporter } from './mistakes.js';
import { describeValue } from './phrase.js';
import { nearest } from './suggest.js';
import type { Located, LocatedMap } from './yaml.js';

export interface NamedEntry {
  name: string;
  entry: LocatedMap;
  path: string;
}

/** A section's entries, sorted by name: the order of keys in a file says nothing. */
export function entriesByName(section: Located, name: 'tasks' | 'models', report: Reporter): NamedEntry[] {
  const map = asMap(section);
  const example = name === 'tasks' ? 'dialects: { generator: dialects }' : 'weak: { architecture: gpt, … }';
  if (map === undefined || map.entries.size === 0) {
    const found = describeValue(section);
    const expected = `a name and a definition for each of the ${name}, as in "${example}"`;
    report.report(section.span, {
      code: 'wrong-value',
      path: name,
      message: `found ${found}, expected ${expected}.`,
      found,
      expected,
    });
    return [];
  }
  const entries: NamedEntry[] = [];
  for (const [key, { key: span, value }] of map.entries) {
    const path = joined(name, key);
    const entry = asMap(value);
    if (!isName(key)) {
      const message = `${JSON.stringify(key)} cannot be a name; names are ${nameRule}.`;
      report.report(span, { code: 'wrong-value', path, message, found: key, expected: nameRule });
    }
    if (entry !== undefined)
      entries.push({
        name: key,
        entry: { ...entry, span: entry.entries.size > 0 ? entry.span : span },
        path,
      });
    else {
      const found = describeValue(value);
      const message = `found ${found}, expected a mapping, as in "${example}".`;
      report.report(value.span, { code: 'wrong-value', path, message, found, expected: 'a mapping' });
    }
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

export interface Definition {
  /** "generator", "type", "architecture" */
  key: string;
  /** "dialects", "classification", "gpt" */
  name: string;
  /** The entry as if it named this definition alone. */
  entry: LocatedMap;
  /** { generator: "dialects" } where a list gave it. */
  values: JsonObject;
}

/**
 * Which definition an entry uses: the one key among `registries` that it has. A list of names gives one each.
 * @param what "task" or "model"
 * @param registries key → the names it may have
 */
export function readDefinition(
  entry: LocatedMap,
  path: string,
  what: 'task' | 'model',
  registries: Record<string, string[]>,
  report: Reporter,
): Definition[] {
  const keys = Object.keys(registries);
  const [key, another] = keys.filter((name) => entry.entries.has(name));
  if (key === undefined) {
    const meant = reportNoDefinition(entry, path, what, registries, report);
    return meant === undefined ? [] : readDefinition(meant, path, what, registries, report);
  }
  const value = entry.entries.get(key)?.value;
  const second = another === undefined ? undefined : entry.entries.get(another);
  if (another !== undefined && second !== undefined) {
    const message = `a ${what} has either ${keys.join(' or ')}, and this one has both; remove one.`;
    report.report(second.key, { code: 'conflict', path: joined(path, another), message });
  }
  if (value === undefined || second !== undefined) return [];
  const items = value.kind === 'list' ? value.items : [value];
  const names = registries[key] ?? [];
  return items.flatMap((item, index) => {
    const at = joined(path, key) + (value.kind === 'list' ? `[${index}]` : '');
    checkLeaf(nameOf(key, names), item, at, report);
    const written = item.kind === 'scalar' ? String(item.value) : '';
    // A misspelt name is reported; what stands below it is checked all the same, as what was probably meant.
    const name = names.includes(written) ? written : nearest(written, names);
    if (name === undefined) return [];
    const values: JsonObject = value.kind === 'list' ? { [key]: name } : {};
    return [
      { key, name, entry: withKey(entry, key, { kind: 'scalar', value: name, span: item.span }), values },
    ];
  });
}

function withKey(map: LocatedMap, key: string, value: Located): LocatedMap {
  const entries = new Map(map.entries);
  entries.set(key, { key: entries.get(key)?.key ?? value.span, value });
  return { ...map, entries };
}

/** @returns the entry with the key that was probably meant, so that the rest of it can be checked */
function reportNoDefinition(
  entry: LocatedMap,
  path: string,
  what: string,
  registries: Record<string, string[]>,
  report: Reporter,
): LocatedMap | undefined {
  const ways = Object.entries(registries).map(
    ([key, names]) => `${key}: ${names.join(' | ') || '(none known)'}`,
  );
  const expected = ways.join(', or ');
  for (const [key, { key: span, value }] of entry.entries) {
    const suggestion = nearest(key, Object.keys(registries));
    if (suggestion === undefined) continue;
    const message = `unknown key ${JSON.stringify(key)}, and nothing else says which ${what} this is; expected ${expected}.`;
    report.report(span, {
      code: 'unknown-key',
      path: joined(path, key),
      message,
      found: key,
      expected,
      suggestion,
    });
    const others = new Map(entry.entries);
    others.delete(key);
    return withKey({ ...entry, entries: others }, suggestion, value);
  }
  const start = { ...entry.span, end: entry.span.start + 1 };
  const message = `nothing says which ${what} this is; expected ${expected}.`;
  report.report(start, { code: 'missing-key', path, message, expected });
  return undefined;
}
