/** @file A training state as one safetensors file. */
import { dirname } from 'node:path';
import { readSafetensors, SafetensorsError, type SafetensorsFile, writeSafetensors } from './safetensors.js';
import { outgoing, readSafetensorsFile, writeSafetensorsFile } from './safetensors-file.js';
import type { HostTensor } from './tensor.js';
import type { Tensors, TrainingState } from './state.js';

/** Writes the state as a new file, tensor after tensor, and syncs it. */
export async function writeTrainingState(path: string, state: TrainingState): Promise<void> {
  const { tensors, metadata } = fileOf(state);
  await writeSafetensorsFile(path, outgoing(tensors), metadata);
}

/**
 * Reads the state of a checkpoint's folder, tensor after tensor.
 *
 * @throws SafetensorsError where the file is damaged or is not a training state: names it, and says what to do
 */
export async function readTrainingState(path: string): Promise<TrainingState> {
  try {
    return stateOf(await readSafetensorsFile(path), path);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new SafetensorsError(
      `${error.message}. Remove ${dirname(path)}: the training goes on from the checkpoint before it, or begins anew`,
      { cause: error },
    );
  }
}

/** {@link writeTrainingState}, in memory. */
export function encodeTrainingState(state: TrainingState): Uint8Array {
  const { tensors, metadata } = fileOf(state);
  return writeSafetensors(tensors, metadata);
}

/** @throws SafetensorsError naming `what` where the bytes are not a training state. */
export function decodeTrainingState(bytes: Uint8Array, what: string): TrainingState {
  return stateOf(readSafetensors(bytes, what), what);
}

/** Tensors are named `parameter/NAME` and `SLOT/NAME`; the step is in the metadata. */
function fileOf({ step, parameters, slots }: TrainingState): SafetensorsFile {
  const groups: [string, Tensors][] = [['parameter', parameters], ...Object.entries(slots)];
  const tensors = groups.flatMap(([group, members]) =>
    Object.entries(members).map(([name, tensor]) => [`${group}/${name}`, tensor] as const),
  );
  // An optimizer that remembers nothing still names its slots, so that the state comes back as it was.
  const metadata = { format: 'temper-training-state', step: String(step), slots: Object.keys(slots).join() };
  return { tensors: Object.fromEntries(tensors), metadata };
}

function stateOf({ tensors, metadata }: SafetensorsFile, what: string): TrainingState {
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
