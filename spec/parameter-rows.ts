/** @file Parameters as a table for people: name, default, what may be said, and what it means. */
import { z } from 'zod';
import type { Json } from '../base/json.js';
import { describeSchema } from './phrase.js';

export interface ParameterRow {
  /** As in a sweep; "splits.A" inside a mapping. */
  readonly name: string;
  readonly required: boolean;
  /** Absent where there is none: what is not given is then not there. */
  readonly default?: Json;
  /** "a number from 0 to 1" */
  readonly values: string;
  /** '' where the schema says nothing. */
  readonly meaning: string;
}

interface FieldShape {
  readonly default?: Json;
  readonly description?: string;
}

/** One row a parameter, in the schema's order; a mapping is followed by what stands in it. */
export function parameterRows(schema: z.ZodObject, prefix = ''): ParameterRow[] {
  return Object.entries(schema.shape as Record<string, z.core.$ZodType>).flatMap(([key, field]) => {
    const name = `${prefix}${key}`;
    const { default: fallback, description = '' } = z.toJSONSchema(field, {
      io: 'input',
      unrepresentable: 'any',
    }) as FieldShape;
    const inside = innermost(field);
    const row: ParameterRow = {
      name,
      required: !z.safeParse(field, undefined).success,
      // A mapping's defaults are those of what stands in it.
      ...(fallback === undefined || inside instanceof z.ZodObject ? {} : { default: fallback }),
      values: describeSchema(inside),
      meaning: description,
    };
    return inside instanceof z.ZodObject ? [row, ...parameterRows(inside, `${name}.`)] : [row];
  });
}

/** A schema without its defaults, and without that it may be left out. */
function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  const { innerType } = schema._zod.def as { innerType?: z.core.$ZodType };
  return innerType === undefined ? schema : innermost(innerType);
}

/** "0.5", "required", "none": what a table says in the column of defaults. */
export function defaultText(row: ParameterRow): string {
  if (row.required) return 'required';
  if (row.default === undefined) return '';
  return typeof row.default === 'string' ? row.default : JSON.stringify(row.default);
}
