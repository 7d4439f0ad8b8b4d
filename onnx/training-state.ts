/** @file A training state as one safetensors file. */
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.js';
import type { HostTensor } from './tensor.js';
import type { Tensors, TrainingState } from './trainer.js';

/** Tensors are named `parameter/NAME` and `SLOT/NAME`; the step is in the metadata. */
export function encodeTrainingState({ step, parameters, slots }: TrainingState): Uint8Array {
  const groups: [string, Tensors][] = [['parameter', parameters], ...Object.entries(slots)];
  const tensors = groups.flatMap(([group, members]) =>
    Object.entries(members).map(([name, tensor]) => [`${group}/${name}`, tensor] as const),
  );
  // An optimizer that remembers nothing still names its slots, so that the state comes back as it was.
  const metadata = { format: 'temper-training-state', step: String(step), slots: Object.keys(slots).join() };
  return writeSafetensors(Object.fromEntries(tensors), metadata);
}

/** @throws SafetensorsError naming `what` where the bytes are not a training state. */
export function decodeTrainingState(bytes: Uint8Array, what: string): TrainingState {
  const { tensors, metadata } = readSafetensors(bytes, what);
  const step = Number(metadata['step']);
  if (metadata['format'] !== 'temper-training-state' || !Number.isSafeInteger(step) || step < 0) {
    throw new SafetensorsError(
      `${what} holds tensors but no training state: its metadata are ${JSON.stringify(metadata)}`,
    );
  }
  const slots = (metadata['slots'] ?? '').split(',').filter((slot) => slot !== '');
  const group = (prefix: string): Tensors =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, tensor]) => [name.slice(prefix.length + 1), asFloats(tensor, `${what}: ${name}`)]),
    );
  return {
    step,
    parameters: group('parameter'),
    slots: Object.fromEntries(slots.map((slot) => [slot, group(slot)])),
  };
}

/** @throws SafetensorsError where the elements are not float32. */
export function asFloats({ shape, data }: HostTensor, what: string): HostTensor<Float32Array> {
  if (!(data instanceof Float32Array)) throw new SafetensorsError(`${what} is not float32`);
  return { shape, data };
}
