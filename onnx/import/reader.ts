/** @file How an operator of a foreign ONNX file is read: one function a type, which adds plain operators to a graph. */
import type { Graph, Value } from '../graph.js';
import type { HostTensor } from '../tensor.js';

/** A node's attributes; each getter throws where the attribute is missing and no default is given. */
export interface NodeAttributes {
  int(name: string, fallback?: number): number;
  float(name: string, fallback?: number): number;
  string(name: string, fallback?: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  tensor(name: string): HostTensor | undefined;
  has(name: string): boolean;
  names(): readonly string[];
}

/** One node of a foreign file, its inputs already read. Every shape is static: files are read at given sizes. */
export interface NodeCall {
  readonly graph: Graph;
  /** ONNX's name of the operator, without its domain. */
  readonly type: string;
  /** '' for ONNX's own. */
  readonly domain: string;
  /** The version of the node's domain that the file was written against: attributes moved to inputs over time. */
  readonly opset: number;
  /** The node's name in the file, or of its first output where it has none. */
  readonly name: string;
  /** undefined: an optional input that is not given. */
  readonly inputs: readonly (Value | undefined)[];
  /** Which of the declared outputs somebody names; the reader returns at least those. */
  readonly wanted: readonly boolean[];
  readonly attributes: NodeAttributes;
}

/**
 * Adds what the node computes to the graph, in operators of the table, and returns the outputs in order. Fused
 * operators are read as the plain ones that they stand for, so that everything read can be differentiated.
 *
 * @throws ShapeError for inputs that do not go together
 */
export type Reader = (call: NodeCall) => (Value | undefined)[];

/** A family of readers, by `Type` or, outside of ONNX's own domain, `domain:Type`. */
export type Readers = Readonly<Record<string, Reader>>;
