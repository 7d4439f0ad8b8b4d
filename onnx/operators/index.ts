/** @file The operator table: every operator that Temper can put in a graph, by name. */
import { type Composite, isComposite, type Operator } from '../graph.js';
import * as activation from './activation.js';
import * as elementwise from './elementwise.js';
import * as gather from './gather.js';
import * as gelu from './gelu.js';
import * as linalg from './linalg.js';
import * as logic from './logic.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import * as reduction from './reduction.js';
import * as reshape from './reshape.js';
import * as scatter from './scatter.js';
import * as selection from './selection.js';
import * as slice from './slice.js';
import * as softmax from './softmax.js';
import * as trigonometry from './trigonometry.js';
import * as variadic from './variadic.js';

export * from './activation.js';
export * from './elementwise.js';
export * from './gather.js';
export * from './gelu.js';
export * from './linalg.js';
export * from './logic.js';
export * from './movement.js';
export * from './normalization.js';
export * from './reduction.js';
export * from './reshape.js';
export * from './scatter.js';
export * from './selection.js';
export * from './slice.js';
export * from './softmax.js';
export * from './trigonometry.js';
export * from './variadic.js';
export { unbroadcast } from './pointwise.js';
export type { Operand } from './define.js';

const families = {
  activation,
  elementwise,
  gather,
  gelu,
  linalg,
  logic,
  movement,
  normalization,
  reduction,
  reshape,
  scatter,
  selection,
  slice,
  softmax,
  trigonometry,
  variadic,
};

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
