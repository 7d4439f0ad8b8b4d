/** @file Activations of com.microsoft, and products and sums fused with what stands around them. */
import type { Value } from '../../graph.js';
import {
  add,
  biasGelu,
  fastGelu,
  gelu,
  gemm,
  mul,
  quickGelu,
  relu,
  sigmoid,
  tanh,
  where,
  greater,
} from '../../operators/index.js';
import { ShapeError } from '../../shape.js';
import type { NodeCall, Reader, Readers } from '../reader.js';
import { required } from './values.js';

/** Activations that a FusedGemm may end with, with their parameters' defaults. */
const activations: Readonly<Record<string, (x: Value, call: NodeCall) => Value>> = {
  Relu: relu,
  Tanh: tanh,
  Sigmoid: sigmoid,
  LeakyRelu: (x, { attributes }) =>
    where(greater(x, 0), x, mul(x, attributes.float('activation_alpha', 0.01))),
};

const fusedGemm: Reader = (call) => {
  const { attributes } = call;
  const product = gemm(required(call, 0, 'A'), required(call, 1, 'B'), call.inputs[2], {
    transA: attributes.int('transA', 0) === 1,
    transB: attributes.int('transB', 0) === 1,
    alpha: attributes.float('alpha', 1),
    beta: attributes.float('beta', 1),
  });
  const name = attributes.string('activation', '');
  if (name === '') return [product];
  const activation = activations[name];
  if (activation === undefined) {
    throw new ShapeError(`activation ${name} is not read: expected ${Object.keys(activations).join(', ')}`);
  }
  return [activation(product, call)];
};

export const activation: Readers = {
  'com.microsoft:Gelu': (call) => [gelu(required(call, 0, 'X'))],
  'com.microsoft:FastGelu': (call) => [fastGelu(required(call, 0, 'X'), call.inputs[1])],
  'com.microsoft:BiasGelu': (call) => [biasGelu(required(call, 0, 'A'), required(call, 1, 'B'))],
  'com.microsoft:QuickGelu': (call) => [
    quickGelu(required(call, 0, 'X'), call.attributes.float('alpha', 1.702)),
  ],
  'com.microsoft:FusedGemm': fusedGemm,
  'com.microsoft:BiasAdd': (call) => [
    add(add(required(call, 0, 'X'), required(call, 1, 'bias')), required(call, 2, 'skip')),
  ],
};
