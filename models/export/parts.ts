/** @file What is written into a stored tensor: parameters' new values, each given or made when it is written. */
import type { StoredParameter } from '../../onnx/stored.js';
import type { Parameter } from './stored-form.js';

/** A parameter's new value; a function where it is to be made when it is written, one at a time. */
export type NewValue = Parameter | (() => Parameter | Promise<Parameter>);

export interface Part {
  /** PyTorch's name of the parameter. */
  readonly name: string;
  readonly value: NewValue;
  readonly stored: StoredParameter;
}

export async function valueOf(value: NewValue): Promise<Parameter> {
  return typeof value === 'function' ? await value() : value;
}
