/** @file A training's tensors as ONNX Runtime takes and gives them, in host memory or on a device. */
import type ort from 'onnxruntime-node';
import type { stateNames } from './definition.js';
import type { Batch } from './trainer.js';
import type { TrainingProgram } from './program.js';
import { toOrt } from './session.js';
import type { Tensors, TrainingState } from './state.js';
import { allocate, dtypeOf, type HostTensor, sizeOf, type TensorData } from './tensor.js';

export type OrtTensors = Record<string, ort.Tensor>;

export function zeros(names: ReturnType<typeof stateNames>): OrtTensors {
  return Object.fromEntries(
    names.map(({ name, type }) => {
      return [name, toOrt({ shape: type.shape, data: allocate(type.dtype, sizeOf(type.shape)) })];
    }),
  );
}

export function isOnDevice(tensor: ort.Tensor): boolean {
  return tensor.location === 'gpu-buffer';
}

/** Gives back a device's memory; host memory is the garbage collector's. */
export function dispose(tensors: OrtTensors): void {
  for (const tensor of Object.values(tensors)) if (isOnDevice(tensor)) tensor.dispose();
}

/** What a run put out in place of what it was fed. */
export function replaced(old: OrtTensors, results: OrtTensors): OrtTensors {
  dispose(old);
  return Object.fromEntries(Object.keys(old).map((name) => [name, results[`next:${name}`] as ort.Tensor]));
}

export function hostTensors(tensors: Readonly<OrtTensors>, copy = false): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const data = tensor.data as Float32Array;
      return [name, { shape: tensor.dims, data: copy ? data.slice() : data }];
    }),
  );
}

/** `parameter:NAME` → NAME */
export function withoutPrefix(tensors: OrtTensors, copy = false): Tensors {
  const entries = Object.entries(hostTensors(tensors, copy));
  return Object.fromEntries(entries.map(([name, tensor]) => [name.slice(name.indexOf(':') + 1), tensor]));
}

export function prefixed(tensors: OrtTensors): OrtTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`next:${name}`, tensor]));
}

export function numberOf(results: OrtTensors, name: string): number {
  return (results[name] as ort.Tensor).data[0] as number;
}

export function readState(
  state: TrainingState,
  name: string,
  shape: readonly number[],
  copy: boolean,
): TensorData {
  if (name === 'step') return BigInt64Array.of(BigInt(state.step));
  const [kind, key] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
  const tensors = kind === 'parameter' ? state.parameters : state.slots[kind];
  const { data } = checked(`${kind} ${key}`, shape, tensors?.[key]);
  return copy ? data.slice() : data;
}

export function checked(
  what: string,
  shape: readonly number[],
  tensor: HostTensor<Float32Array> | undefined,
): HostTensor<Float32Array> {
  if (tensor === undefined) throw new Error(`the training state lacks ${what}`);
  if (tensor.shape.join() === shape.join()) return tensor;
  throw new Error(
    `the training state has ${what} as [${tensor.shape.join(', ')}], the program as [${shape.join(', ')}]`,
  );
}

/** The batches one behind the other; without a Scan the only one, in its own shape. */
export function batchTensors(
  { inputs }: TrainingProgram,
  batches: readonly Batch[],
  firstIndex: number,
  scans: boolean,
): OrtTensors {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const data = allocate(dtype, batches.length * sizeOf(shape));
      batches.forEach((batch, i) => {
        copyInto(data, batch[name], { name, dtype, size: sizeOf(shape), at: i, index: firstIndex + i });
      });
      return [`batch:${name}`, toOrt({ shape: scans ? [batches.length, ...shape] : shape, data, dtype })];
    }),
  );
}

function copyInto(
  all: TensorData,
  part: TensorData | undefined,
  { name, dtype, size, at, index }: { name: string; dtype: string; size: number; at: number; index: number },
): void {
  if (part === undefined || dtypeOf(part) !== dtype || part.length !== size) {
    const given = part === undefined ? 'nothing' : `${part.length} of ${dtypeOf(part)}`;
    throw new Error(
      `batch ${index}: input "${name}" takes ${size} elements of ${dtype}, and was given ${given}`,
    );
  }
  (all as Float32Array).set(part as Float32Array, at * size);
}
