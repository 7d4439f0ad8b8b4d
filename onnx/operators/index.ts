/** @file The operator table: every operator that Temper can put in a graph, by name. */
import {
  type Attributes,
  type Composite,
  type Graph,
  isComposite,
  type Operator,
  type Value,
} from '../graph.js';
import type { Rewrite } from './define.js';
import * as activation from './activation.js';
import * as einsum from './einsum.js';
import * as elementwise from './elementwise.js';
import * as gather from './gather.js';
import * as gelu from './gelu.js';
import * as linalg from './linalg.js';
import * as logic from './logic.js';
import * as loss from './loss.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import * as quantized from './quantized.js';
import * as reduction from './reduction.js';
import * as reshape from './reshape.js';
import * as scatter from './scatter.js';
import * as selection from './selection.js';
import * as slice from './slice.js';
import * as softmax from './softmax.js';
import * as trigonometry from './trigonometry.js';
import * as variadic from './variadic.js';

export * from './activation.js';
export * from './einsum.js';
export * from './elementwise.js';
export * from './gather.js';
export * from './gelu.js';
export * from './linalg.js';
export * from './logic.js';
export * from './loss.js';
export * from './movement.js';
export * from './normalization.js';
export * from './quantized.js';
export * from './reduction.js';
export * from './reshape.js';
export * from './scatter.js';
export * from './selection.js';
export * from './slice.js';
export * from './softmax.js';
export * from './trigonometry.js';
export * from './variadic.js';
export { unbroadcast } from './pointwise.js';
export type { Operand, Rewrite } from './define.js';

const families = [
  activation,
  einsum,
  elementwise,
  gather,
  gelu,
  linalg,
  logic,
  loss,
  movement,
  normalization,
  quantized,
  reduction,
  reshape,
  scatter,
  selection,
  slice,
  softmax,
  trigonometry,
  variadic,
];

function isEntry(exported: unknown): exported is Operator | Composite {
  return typeof exported === 'object' && exported !== null && 'gradient' in exported && 'name' in exported;
}

function isRewrite(exported: unknown): exported is Rewrite {
  return typeof exported === 'object' && exported !== null && 'build' in exported && 'parts' in exported;
}

const exported = families.flatMap((family) => Object.values<unknown>(family));

/** Name → entry. An operator joins by being exported from its family's file. */
export const operators: ReadonlyMap<string, Operator | Composite> = new Map(
  exported.filter(isEntry).map((entry) => [entry.name, entry]),
);

/** Name → an operator of ONNX that is put in a graph as others of the table. */
export const rewrites: ReadonlyMap<string, Rewrite> = new Map(
  exported.filter(isRewrite).map((entry) => [entry.name, entry]),
);

/** Whether the operator can be differentiated. */
export function isDifferentiable(entry: Operator | Composite): boolean {
  return isComposite(entry) || 'of' in entry.gradient;
}

export type Entry = Operator | Composite | Rewrite;

/** What the table has for an operator of ONNX (`domain` '' is ONNX's own); undefined: nothing. */
export function entryOf(type: string, domain = ''): Entry | undefined {
  if (domain === '' && rewrites.has(type)) return rewrites.get(type);
  // ONNX Runtime's own Gelu is ONNX's of approximation none.
  if (domain === 'com.microsoft' && type === 'Gelu') return operators.get(type);
  const entry = operators.get(type);
  if (entry === undefined) return undefined;
  return (isComposite(entry) ? '' : entry.domain) === domain ? entry : undefined;
}

/**
 * Puts an operator in a graph, as a file has it: attributes that are not given are what ONNX takes them to be. Shapes,
 * axes and the like are constants among the inputs. It may have more outputs than ONNX names.
 *
 * @throws ShapeError for inputs that do not go together
 */
export function apply(
  graph: Graph,
  entry: Entry,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
): Value[] {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const complete = { ...entry.defaults, ...Object.fromEntries(given) };
  if ('build' in entry) return entry.build({ inputs, attributes: complete });
  if (isComposite(entry)) return graph.emitComposite(entry, inputs, complete);
  return graph.emit(entry, inputs, complete);
}
