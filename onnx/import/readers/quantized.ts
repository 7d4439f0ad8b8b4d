/** @file Operators over weights of four and eight bits, which stay packed: they are frozen. */
import { UserError } from '../../../base/errors.js';
import { DequantizeLinear, GatherBlockQuantized, MatMulNBits } from '../../operators/quantized.js';
import { ShapeError } from '../../shape.js';
import type { Reader, Readers } from '../reader.js';
import { computable, required } from './values.js';

const matMulNBits: Reader = (call) => {
  const { graph, inputs, attributes } = call;
  const zeros = inputs[3];
  if (inputs[4] !== undefined) {
    throw new ShapeError(
      'its weights stand in another order than their rows (g_idx, which GPTQ with act-order leaves): quantise without',
    );
  }
  const given = [
    computable(required(call, 0, 'A')),
    required(call, 1, 'B'),
    computable(required(call, 2, 'scales')),
    zeros === undefined || zeros.dtype === 'uint8' ? zeros : computable(zeros),
    undefined,
    inputs[5] && computable(inputs[5]),
  ];
  while (given.at(-1) === undefined) given.pop();
  // `accuracy_level` would round the activations to fewer bits, too: what is trained is the exact product.
  return [
    graph.emitOne(MatMulNBits, given, {
      K: attributes.int('K'),
      N: attributes.int('N'),
      bits: attributes.int('bits', 4),
      block_size: attributes.int('block_size'),
    }),
  ];
};

const dequantizeLinear: Reader = (call) => {
  const [x, scale, zero] = [required(call, 0, 'x'), required(call, 1, 'x_scale'), call.inputs[2]];
  const given = zero === undefined ? [x, computable(scale)] : [x, computable(scale), zero];
  const axis = call.attributes.int('axis', 1);
  const block = call.attributes.int('block_size', 0);
  return [call.graph.emitOne(DequantizeLinear, given, { axis, block_size: block })];
};

const gatherBlockQuantized: Reader = (call) => {
  const { attributes } = call;
  const zeros = call.inputs[3];
  const given = [
    required(call, 0, 'data'),
    required(call, 1, 'indices'),
    computable(required(call, 2, 'scales')),
  ];
  return [
    call.graph.emitOne(GatherBlockQuantized, zeros === undefined ? given : [...given, zeros], {
      gather_axis: attributes.int('gather_axis', 0),
      quantize_axis: attributes.int('quantize_axis', 1),
      block_size: attributes.int('block_size', 128),
      bits: attributes.int('bits', 4),
    }),
  ];
};

/** What rounds activations: it has no slope, so that nothing before it would train. */
const roundsActivations: Reader = ({ name, type }) => {
  throw new UserError(
    `node "${name}" is a ${type}, which rounds activations to integers and therefore has no gradient: ` +
      'take the fp32 or fp16 file of the model, or the 4-bit one (q4: model_q4.onnx), whose weights alone are quantised',
  );
};

const rounding = [
  'QuantizeLinear',
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'QLinearMatMul',
  'com.microsoft:DynamicQuantizeMatMul',
  'com.microsoft:MatMulIntegerToFloat',
  'com.microsoft:QAttention',
  'com.microsoft:QEmbedLayerNormalization',
  'com.microsoft:QGemm',
  'com.microsoft:DynamicQuantizeLSTM',
];

export const quantized: Readers = {
  DequantizeLinear: dequantizeLinear,
  'com.microsoft:DequantizeLinear': dequantizeLinear,
  'com.microsoft:MatMulNBits': matMulNBits,
  'com.microsoft:GatherBlockQuantized': gatherBlockQuantized,
  ...Object.fromEntries(rounding.map((type) => [type, roundsActivations])),
};
