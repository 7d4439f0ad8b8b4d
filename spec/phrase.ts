/** @file Values and schemas in words: "a whole number, 1 or more", "one of hard, soft", "a list of 3". */
import { z } from 'zod';
import type { Json } from '../base/json.js';
import type { Located } from './yaml.js';

const longest = 60;

/** What was found, as the user would say it. */
export function describeValue(value: Located): string {
  if (value.kind === 'list')
    return value.items.length === 0 ? 'an empty list' : `a list of ${value.items.length}`;
  if (value.kind === 'map') {
    const keys = [...value.entries.keys()];
    if (keys.length === 0) return 'an empty mapping';
    const shown = keys.slice(0, 3).map(clipped).join(', ');
    return `a mapping (${shown}${keys.length > 3 ? ', …' : ''})`;
  }
  if (value.value === null) return 'nothing';
  if (typeof value.value === 'string') return JSON.stringify(clipped(value.value));
  if (typeof value.value === 'number' && !Number.isFinite(value.value))
    return Number.isNaN(value.value) ? 'not a number (.nan)' : `endless (${value.value < 0 ? '-' : ''}.inf)`;
  return String(value.value);
}

const clipped = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest)}…`);

interface Shape {
  type?: string;
  enum?: Json[];
  const?: Json;
  anyOf?: Shape[];
  oneOf?: Shape[];
  items?: Shape | Shape[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Shape>;
}

const phrases = new WeakMap<z.core.$ZodType, string>();

/** What a schema takes, in words. */
export function describeSchema(schema: z.core.$ZodType): string {
  const known = phrases.get(schema);
  if (known !== undefined) return known;
  const shape = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as Shape;
  const phrase = describeShape(shape);
  phrases.set(schema, phrase);
  return phrase;
}

function describeShape(shape: Shape): string {
  if (shape.const !== undefined) return word(shape.const);
  if (shape.enum)
    return shape.enum.length === 1
      ? word(shape.enum[0] ?? null)
      : `one of ${shape.enum.map(word).join(', ')}`;
  const options = shape.anyOf ?? shape.oneOf;
  if (options) return options.map(describeShape).join(', or ');
  switch (shape.type) {
    case 'integer':
      return `a whole number${range(shape)}`;
    case 'number':
      return `a number${range(shape)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return shape.minLength === undefined ? 'a text' : 'a text that is not empty';
    case 'array':
      return describeArray(shape);
    case 'object': {
      const keys = Object.keys(shape.properties ?? {});
      return keys.length === 0 ? 'a mapping' : `a mapping with ${keys.join(', ')}`;
    }
    default:
      return 'a value';
  }
}

function describeArray({ items, minItems, maxItems }: Shape): string {
  if (Array.isArray(items)) return `a list of ${items.length}: ${items.map(describeShape).join('; ')}`;
  const each = items === undefined ? '' : `, each ${describeShape(items)}`;
  if (minItems !== undefined && minItems === maxItems) return `a list of ${minItems}${each}`;
  return `a list${minItems === undefined ? '' : ` of ${minItems} or more`}${each}`;
}

function range(shape: Shape): string {
  const low = shape.minimum ?? shape.exclusiveMinimum;
  const high = shape.maximum ?? shape.exclusiveMaximum;
  const hasLow = low !== undefined && low > Number.MIN_SAFE_INTEGER;
  const hasHigh = high !== undefined && high < Number.MAX_SAFE_INTEGER;
  const atLeast = shape.minimum === undefined ? `above ${low}` : `${low} or more`;
  const atMost = shape.maximum === undefined ? `below ${high}` : `at most ${high}`;
  if (hasLow && hasHigh && shape.minimum !== undefined && shape.maximum !== undefined)
    return ` from ${low} to ${high}`;
  if (hasLow && hasHigh) return ` ${atLeast} and ${atMost}`;
  if (hasLow) return shape.minimum === undefined ? ` ${atLeast}` : `, ${atLeast}`;
  return hasHigh ? ` ${atMost}` : '';
}

const word = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
