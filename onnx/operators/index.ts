/** @file The operator table: every operator that Temper can put in a graph, by name. */
import { type Composite, isComposite, type Operator } from '../graph.js';
import * as activation from './activation.js';
import * as elementwise from './elementwise.js';
import * as indexing from './indexing.js';
import * as linalg from './linalg.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import * as reduction from './reduction.js';
import * as softmax from './softmax.js';

export * from './activation.js';
export * from './elementwise.js';
export * from './indexing.js';
export * from './linalg.js';
export * from './movement.js';
export * from './normalization.js';
export * from './reduction.js';
export * from './softmax.js';
export type { Operand } from './define.js';

const families = { activation, elementwise, indexing, linalg, movement, normalization, reduction, softmax };

function isEntry(exported: unknown): exported is Operator | Composite {
  return typeof exported === 'object' && exported !== null && 'gradient' in exported && 'name' in exported;
}

/** Name → entry. An operator joins by being exported from its family's file. */
export const operators: ReadonlyMap<string, Operator | Composite> = new Map(
  Object.values(families)
    .flatMap((family) => Object.values<unknown>(family).filter(isEntry))
    .map((entry) => [entry.name, entry]),
);

/** Whether the operator can be differentiated. */
export function isDifferentiable(entry: Operator | Composite): boolean {
  return isComposite(entry) || 'of' in entry.gradient;
}
