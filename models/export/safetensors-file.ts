/** @file A safetensors file of any size, as transformers reads it: none but the tensor being written needs to be in memory. */
import { writeSafetensorsFile } from '../../onnx/safetensors-file.js';
import { type NewValue, valueOf } from './parts.js';

export interface OutgoingWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly value: NewValue;
}

/** Writes float32 tensors in the order of their names, marked as PyTorch's, as transformers asks for. */
export async function writeWeights(path: string, weights: readonly OutgoingWeight[]): Promise<void> {
  const tensors = weights.map(({ name, shape, value }) => ({
    ...{ name, dtype: 'float32' as const, shape },
    value: () => valueOf(value),
  }));
  await writeSafetensorsFile(path, tensors, { format: 'pt' });
}
