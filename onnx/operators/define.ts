/** @file How an entry of the operator table is written, and the small things that many entries share. */
import type {
  Attributes,
  Call,
  Composite,
  ForwardOnly,
  Graph,
  GradientCall,
  Operator,
  Value,
} from '../graph.js';
import type { DataType } from '../tensor.js';
import { ShapeError } from '../shape.js';

/** A value, or a number that becomes a scalar of the other operand's type. */
export type Operand = Value | number;

type Definition<A extends Attributes> = Pick<Operator<A>, 'name' | 'infer'> & {
  type?: string;
  domain?: Operator['domain'];
  attributes?: Operator['attributes'];
  defaults?: Operator['defaults'];
  gradient: ((call: GradientCall<A>) => (Value | undefined)[]) | ForwardOnly;
};

/** An operator from its shape inference and its gradient. */
export function operator<A extends Attributes = Record<string, never>>(
  definition: Definition<A>,
): Operator<A> {
  const { name, infer, gradient } = definition;
  return {
    name,
    type: definition.type ?? name,
    domain: definition.domain ?? '',
    attributes: definition.attributes ?? {},
    defaults: definition.defaults ?? {},
    infer,
    gradient: typeof gradient === 'function' ? { of: gradient } : gradient,
  };
}

/** Several operators under one gradient. */
export function composite<A extends Attributes = Record<string, never>>(definition: {
  name: string;
  attributes?: Composite['attributes'];
  defaults?: Composite['defaults'];
  expand: Composite<A>['expand'];
  gradient: (call: GradientCall<A>) => (Value | undefined)[];
}): Composite<A> {
  const { name, attributes = {}, defaults = {}, expand, gradient } = definition;
  return { name, attributes, defaults, expand, gradient: { of: gradient } };
}

/**
 * An operator of ONNX that is put in a graph as others of the table, and so has their gradients: those that ONNX
 * Runtime computes wrongly or in another way on every number of threads, and those that stand for many nodes.
 */
export interface Rewrite {
  /** ONNX's name of it; its domain is ONNX's own. */
  readonly name: string;
  readonly attributes: Operator['attributes'];
  readonly defaults: Readonly<Attributes>;
  /** The entries of the table that it becomes. */
  readonly parts: readonly string[];
  build(call: Call<Attributes>): Value[];
}

/** The gradient of an operator that has none worth the name; `wayOut` says what to do instead. */
export function forwardOnly(wayOut: string): ForwardOnly {
  return { wayOut };
}

/** Thrown by a gradient that does not exist for these attributes or inputs; the message is the way out. */
export class NoGradient extends Error {
  override readonly name = 'NoGradient';
}

/** Input `index` of a node, which has to be there. */
export function need(values: readonly (Value | undefined)[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new ShapeError(`input ${index} is missing`);
  return value;
}

/** The elements of a constant input as numbers, which shape inference needs to know. */
export function constantNumbers(values: readonly (Value | undefined)[], index: number): number[] {
  const value = need(values, index);
  if (value.data === undefined) throw new ShapeError(`input ${index} ("${value.name}") has to be a constant`);
  return Array.from(value.data, Number);
}

/** {@link constantNumbers} of an input that may be left out. */
export function optionalNumbers(values: readonly (Value | undefined)[], index: number): number[] | undefined {
  return values[index] === undefined ? undefined : constantNumbers(values, index);
}

/** Numbers among operands become scalars of the values' type. */
export function lift<N extends Operand[]>(
  ...operands: N
): { graph: Graph; values: { [K in keyof N]: Value } } {
  const first = operands.find((operand): operand is Value => typeof operand !== 'number');
  if (first === undefined) throw new TypeError('an operator needs at least one value of the graph');
  const { graph, dtype } = first;
  const values = operands.map((operand) =>
    typeof operand === 'number' ? graph.scalar(operand, dtype) : operand,
  );
  return { graph, values: values as { [K in keyof N]: Value } };
}

export function sameType(values: readonly (Value | undefined)[], ...indices: number[]): DataType {
  const dtypes = indices.map((index) => need(values, index).dtype);
  if (new Set(dtypes).size > 1) throw new ShapeError(`${dtypes.join(' and ')} are different element types`);
  return dtypes[0] as DataType;
}

/** int64 vector, as ONNX wants for axes, shapes and the like. */
export function int64s(graph: Graph, values: readonly number[]): Value {
  return graph.constant('int64', [values.length], values);
}
