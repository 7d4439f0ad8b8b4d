/** @file Parameters without what goes without saying: keys leave out values that equal a schema's defaults. */
import { z } from 'zod';
import { canonicalJson, type Json, type JsonObject } from '../base/json.js';
import { fieldsOf, unwrapped } from './check.js';

/** The parameters that differ from the schema's defaults; inside nested mappings too, which are left out when empty. */
export function withoutDefaults(schema: z.ZodObject, parameters: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(parameters)) {
    const field = fieldsOf(schema)[name];
    const told = field === undefined ? value : toldOf(field, value);
    if (told !== undefined) kept[name] = told;
  }
  return kept;
}

function toldOf(field: z.core.$ZodType, value: Json): Json | undefined {
  const standard = z.safeParse(field, undefined);
  if (
    standard.success &&
    standard.data !== undefined &&
    canonicalJson(standard.data) === canonicalJson(value)
  )
    return undefined;
  const inner = unwrapped(field);
  if (!(inner instanceof z.ZodObject) || value === null || typeof value !== 'object' || Array.isArray(value))
    return value;
  return withoutDefaults(inner, value);
}
