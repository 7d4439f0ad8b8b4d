/** @file The procedures of refinement, by the name in a `RefineRequest`. */
import { askToImprove } from './ask-to-improve.js';
import { icl } from './icl.js';
import { inferAndRespond } from './infer-and-respond.js';
import type { Procedure } from './procedure.js';

export const procedures: Readonly<Record<string, Procedure>> = {
  icl,
  'infer-and-respond': inferAndRespond,
  'ask-to-improve': askToImprove,
};
