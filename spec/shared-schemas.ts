/** @file A JSON Schema whose parts stand in it once: thirty presets of one shape would say everything thirty times. */
import { canonicalJson, type Json, type JsonObject } from '../base/json.js';

/** Shorter ones are read more easily where they are used. */
const shortest = 160;

/** The same schema, with every part that occurs again under `definitions`, and a `$ref` in each of its places. */
export function withSharedParts(schema: JsonObject): JsonObject {
  const counts = new Map<string, number>();
  visit(schema, (part) => {
    const text = canonicalJson(part);
    if (text.length >= shortest) counts.set(text, (counts.get(text) ?? 0) + 1);
  });
  const names = new Map<string, string>();
  const definitions: JsonObject = {};
  const replaced = (value: Json, isSchema: boolean): Json => {
    if (Array.isArray(value)) return value.map((item) => replaced(item, isSchema));
    if (value === null || typeof value !== 'object') return value;
    const text = canonicalJson(value);
    const inside = (): JsonObject =>
      Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, replaced(part, holdsSchemas(key))]),
      );
    if (!isSchema || (counts.get(text) ?? 0) < 2) return inside();
    let name = names.get(text);
    if (name === undefined) {
      name = `part-${names.size + 1}`;
      names.set(text, name);
      definitions[name] = inside();
    }
    return { $ref: `#/definitions/${name}` };
  };
  const whole = Object.fromEntries(
    Object.entries(schema).map(([key, part]) => [key, replaced(part, holdsSchemas(key))]),
  );
  return names.size === 0 ? whole : { ...whole, definitions };
}

/** Calls for every object below one that is itself a schema or a mapping of schemas. */
function visit(value: Json, note: (part: JsonObject) => void): void {
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) return value.forEach((item) => visit(item, note));
  for (const [key, part] of Object.entries(value)) {
    if (part !== null && typeof part === 'object' && !Array.isArray(part) && holdsSchemas(key)) note(part);
    if (Array.isArray(part)) for (const item of part) if (isObject(item) && holdsSchemas(key)) note(item);
    visit(part, note);
  }
}

const isObject = (value: Json): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** What stands under any other key is data: defaults, and mappings of names to schemas, which are no schemas themselves. */
function holdsSchemas(key: string): boolean {
  return !['default', 'enum', 'const', 'required', 'properties', 'definitions'].includes(key);
}
