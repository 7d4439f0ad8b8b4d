/** @file The kinds of value that parameters are made of. */
import { z } from 'zod';

/** A whole number, 1 or more. */
export const count = () => z.int().min(1);

/** A whole number, 0 or more. */
export const countOrNone = () => z.int().min(0);

/** A share: 0 to 1. */
export const fraction = () => z.number().min(0).max(1);

/** A number above 0. */
export const positive = () => z.number().gt(0);

/** A number, 0 or more. */
export const notNegative = () => z.number().min(0);

/** A text that is not empty. */
export const text = () => z.string().min(1);

/** A file of the user's: relative to the sweep file (to the current folder in a `--set`), and it must be there. */
export const filePath = () => z.string().min(1).meta({ temperFile: true });

/** Whether a field was made by {@link filePath}. */
export function isFilePath(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.['temperFile'] === true;
}

// Ten decimal fractions may add up to a little more than 1.
const roundingSlack = 1e-9;

/** Shares of the rows for each split. They may leave rows out, and may not add up to more than 1. */
export const splits = () =>
  z
    .object({
      A: positive().max(1).describe('share whose truth trains the weak supervisor'),
      B: positive().max(1).describe('share that the weak supervisor labels and the student is trained on'),
      validation: fraction().default(0).describe('share for choosing between settings'),
      test: positive().max(1).describe('share that accuracy is measured on'),
    })
    .superRefine((shares, context) => {
      const sum = shares.A + shares.B + shares.validation + shares.test;
      if (sum <= 1 + roundingSlack) return;
      context.addIssue({
        code: 'custom',
        message: `the splits add up to ${Number(sum.toFixed(6))}, and there is only 1 to share out: make them smaller`,
      });
    });
