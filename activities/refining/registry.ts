/** @file The procedures of refinement, by the name in a `RefineRequest`. */
import { icl } from './icl.js';
import type { Procedure } from './procedure.js';

export const procedures: Readonly<Record<string, Procedure>> = { icl };
