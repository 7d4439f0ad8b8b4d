/** @file Weights of any float type as float32. */
import { UserError } from '../../base/errors.js';
import { fromBfloat16, fromFloat16 } from '../../onnx/half.js';
import { type HostTensor, typeOfTensor } from '../../onnx/tensor.js';
import type { Parameter } from './stored-form.js';

/** @param what names the tensor in messages */
export function floatsOf(tensor: HostTensor, what: string): Parameter {
  const { shape, data } = tensor;
  const dtype = typeOfTensor(tensor);
  switch (dtype) {
    case 'float32':
      return { shape, data: data as Float32Array };
    case 'float64':
      return { shape, data: Float32Array.from(data as Float64Array) };
    case 'float16':
      return { shape, data: fromFloat16(data as Uint16Array) };
    case 'bfloat16':
      return { shape, data: fromBfloat16(data as Uint16Array) };
    default:
      throw new UserError(`${what} holds ${dtype}, and weights are floats`);
  }
}
