/** @file For every gradient of the operator table, the cases by which it is checked. */
import { activation } from './activation.js';
import { type Checks } from './define.js';
import { elementwise } from './elementwise.js';
import { indexing } from './indexing.js';
import { matrix } from './matrix.js';
import { movement } from './movement.js';

/** Entry's or rewrite's name → its cases. */
export const checks: Checks = { ...elementwise, ...activation, ...matrix, ...movement, ...indexing };
