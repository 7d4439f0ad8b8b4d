/** @file What people call one choice of an entry's values: `dialects[dialect=3]`. */
import type { Json, JsonObject } from '../base/json.js';

/** "examples=4 contexts=1" */
export function valuesText(values: JsonObject, separator: string): string {
  return Object.entries(values)
    .map(([field, value]) => `${field}=${valueText(value)}`)
    .join(separator);
}

/** "dialects[dialect=3]", or just the name where no list gave anything. */
export function labelOf(name: string, values: JsonObject): string {
  const text = valuesText(values, ',');
  return text === '' ? name : `${name}[${text}]`;
}

const valueText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
