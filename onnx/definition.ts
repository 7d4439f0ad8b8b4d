/** @file What a training is made of: parameters, inputs, a loss, an optimizer. */
import type { Graph, Value, ValueType } from './graph.js';
import type { Optimizer } from './optimizer.js';
import type { Schedule } from './schedule.js';
import type { StoredParameter, StoredTensor } from './stored.js';
import type { DataType } from './tensor.js';

/** A tensor that is trained, or that training only reads. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Default true. */
  readonly trainable?: boolean;
  /** Whether weight decay applies to it. Default: to matrices, not to vectors. */
  readonly decay?: boolean;
  /** Where its elements are, if they are in an ONNX file. */
  readonly stored?: StoredParameter;
}

/** What every step is fed. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Where in training the step stands. */
export interface Clock {
  /** 0-based number of the step, float32 scalar. */
  readonly step: Value;
  readonly steps: number;
  /** step / steps, in [0, 1); float32 scalar. */
  readonly progress: Value;
}

/** Finds a parameter or an input by name; throws for names that do not exist. */
export type Lookup = (name: string) => Value;

/** What is made small: total / count, so that a batch cut into parts gives the same as the batch in one. */
export interface Loss {
  /** Scalar: the sum of the losses of everything that counts. */
  readonly total: Value;
  /** Scalar: how much counts (tokens, rows). None: 1, the total being a mean already. */
  readonly count?: Value;
  /** Scalars to report beside it, each a mean over what counts. */
  readonly metrics?: Readonly<Record<string, Value>>;
}

export interface TrainingDefinition {
  readonly parameters: readonly ParameterSpec[];
  readonly inputs: readonly InputSpec[];
  /** Parameters that stay in their file (see {@link mappedTensor}) are looked up in the shape that they have there. */
  loss(graph: Graph, parameters: Lookup, inputs: Lookup, clock: Clock): Loss;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Bound of the gradients' global norm; undefined: none. */
  readonly clipNorm?: number;
  /** Of the whole training, whatever part of it a process runs. */
  readonly steps: number;
  /** Activations are not kept for the backward pass but computed again (see recompute.ts). Default false. */
  readonly recompute?: boolean;
  /** What messages call the sizes: `8 rows of 128 tokens`. */
  readonly sizes?: string;
}

export function trainedOf(parameters: readonly ParameterSpec[]): ParameterSpec[] {
  return parameters.filter(({ trainable = true }) => trainable);
}

/** Parameters that are neither trained nor left in their file: whoever runs the program hands them in. */
export function fedOf(parameters: readonly ParameterSpec[]): ParameterSpec[] {
  return parameters.filter((spec) => spec.trainable === false && mappedTensor(spec) === undefined);
}

const floats: readonly string[] = ['float32', 'float16', 'bfloat16'];

/**
 * The tensor of a file that ONNX Runtime can read a parameter from, without its elements ever being in JavaScript;
 * of the type and shape that it has there, where it may be the parameter's transpose, or packed integers. undefined: the parameter is
 * trained, or does not stand in a file as such.
 */
export function mappedTensor({ trainable = true, stored }: ParameterSpec): StoredTensor | undefined {
  if (trainable || stored === undefined) return undefined;
  const { tensor, offset = 0, slice, quantized } = stored;
  // Packed integers are read as one tensor, whichever part of it is the parameter.
  if (quantized !== undefined) return tensor.location === undefined ? undefined : tensor;
  if (tensor.location === undefined || offset !== 0 || !floats.includes(tensor.dtype)) return undefined;
  if (slice === undefined) return tensor;
  // Only whole rows stand together.
  if (slice.axis !== 0) return undefined;
  const { file, offset: start, length } = tensor.location;
  const rowBytes = length / (tensor.shape[0] as number);
  return {
    name: `${tensor.name}[${slice.start}:${slice.start + slice.length}]`,
    dtype: tensor.dtype,
    shape: [slice.length, ...tensor.shape.slice(1)],
    location: { file, offset: start + slice.start * rowBytes, length: slice.length * rowBytes },
    read: () => Promise.reject(new Error(`${tensor.name}: a part of it is mapped, not read`)),
  };
}

/** The state's names and types, in the order in which programs take them: step, parameters, slot by slot. */
export function stateNames(
  parameters: readonly ParameterSpec[],
  slots: readonly string[],
): { name: string; type: ValueType & { shape: readonly number[] } }[] {
  return [
    { name: 'step', type: { dtype: 'int64', shape: [] } },
    ...['parameter', ...slots].flatMap((kind) => tensorNames(kind, parameters)),
  ];
}

/** One tensor for each trained parameter: itself, a slot of the optimizer, its gradient. */
export function tensorNames(
  kind: string,
  parameters: readonly ParameterSpec[],
): { name: string; type: { dtype: 'float32'; shape: readonly number[] } }[] {
  return trainedOf(parameters).map(({ name, shape }) => ({
    name: `${kind}:${name}`,
    type: { dtype: 'float32', shape },
  }));
}
