/** @file Parts that occur twice stand in a schema once, and mean what they meant. */
import { expect, it } from 'vitest';
import type { Json, JsonObject } from '../base/json.js';
import { withSharedParts } from './shared-schemas.js';

const long = { description: 'x'.repeat(200), type: 'string' };
const schema = {
  type: 'object',
  properties: { a: long, b: { anyOf: [long, { type: 'array', items: long }] }, default: { default: long } },
};

/** The schema with every reference put back. */
function expanded(value: Json, definitions: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => expanded(item, definitions));
  if (value === null || typeof value !== 'object') return value;
  const reference = value['$ref'];
  if (typeof reference === 'string')
    return expanded(definitions[reference.replace('#/definitions/', '')]!, definitions);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, expanded(part, definitions)]));
}

it('says each part once, and the same as before', () => {
  const { definitions, ...rest } = withSharedParts(schema);
  expect(Object.values(definitions as JsonObject)).toEqual([long]);
  expect(JSON.stringify(rest).split('x'.repeat(200))).toHaveLength(2); // what is a default is data
  expect(expanded(rest, definitions as JsonObject)).toEqual(schema);
});

it('leaves alone what occurs once', () => {
  const once = { type: 'object', properties: { a: long } };
  expect(withSharedParts(once)).toEqual(once);
});
