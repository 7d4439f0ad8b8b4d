/** @file Normalizations fused with what stands before them: residual additions and embeddings. */
import type { Value } from '../../graph.js';
import {
  add,
  cast,
  gather,
  greater,
  LayerNormalization,
  reduceSum,
  reshape,
  rmsNorm,
  takeFirst,
} from '../../operators/index.js';
import { ShapeError } from '../../shape.js';
import type { NodeCall, Reader, Readers } from '../reader.js';
import { required } from './values.js';

/** What com.microsoft's normalizations add to the variance where the file does not say. */
const defaultEpsilon = 1e-12;

function layerNormalization(x: Value, scale: Value, bias: Value | undefined, epsilon: number): Value[] {
  const given = bias === undefined ? [x, scale] : [x, scale, bias];
  return x.graph.emit(LayerNormalization, given, { axis: -1, epsilon });
}

/** input + skip + bias; skip may lack the rows' axis. */
function residual(call: NodeCall, bias: Value | undefined): Value {
  const sum = add(required(call, 0, 'input'), required(call, 1, 'skip'));
  return bias === undefined ? sum : add(sum, bias);
}

/** Outputs: the result, mean and inverse deviation, the sum that was normalized. */
const skipLayerNormalization: Reader = (call) => {
  const sum = residual(call, call.inputs[4]);
  const epsilon = call.attributes.float('epsilon', defaultEpsilon);
  return [...layerNormalization(sum, required(call, 2, 'gamma'), call.inputs[3], epsilon), sum];
};

const skipSimplifiedLayerNormalization: Reader = (call) => {
  const sum = residual(call, call.inputs[3]);
  const epsilon = call.attributes.float('epsilon', defaultEpsilon);
  return [rmsNorm(sum, required(call, 2, 'gamma'), epsilon), ...statistics(call), sum];
};

/** Outputs of statistics, which nobody reads: the kernel of the CPU does not even write them. */
function statistics({ wanted, type }: NodeCall): [undefined, undefined] {
  if (wanted[1] === true || wanted[2] === true)
    throw new ShapeError(`the statistics that a ${type} puts out are not read`);
  return [undefined, undefined];
}

/** Root mean squares over the last axis, in ONNX's domain as much as in com.microsoft's. */
const simplifiedLayerNormalization: Reader = (call) => {
  const x = required(call, 0, 'X');
  const axis = call.attributes.int('axis', -1);
  if (axis !== -1 && axis !== x.shape.length - 1) {
    throw new ShapeError(`only the last axis is normalized, and axis is ${axis}`);
  }
  const epsilon = call.attributes.float('epsilon', 1e-5);
  return [rmsNorm(x, required(call, 1, 'scale'), epsilon), ...statistics(call)];
};

/** Embeddings of tokens, positions and segments, summed and normalized. */
const embedLayerNormalization: Reader = (call) => {
  const { graph, inputs, attributes, wanted } = call;
  const tokens = required(call, 0, 'input_ids');
  const [batch, length] = tokens.shape as [number, number];
  const positions = required(call, 3, 'position_embedding');
  const [segments, , , segmentTable] = inputs.slice(1);
  const [scale, bias, mask, at] = [required(call, 5, 'gamma'), inputs[6], inputs[7], inputs[8]];
  const words = gather(required(call, 2, 'word_embedding'), tokens); // [B, T, D]
  const placed = add(words, at === undefined ? takeFirst(positions, 0, length) : gather(positions, at));
  const sum =
    segments === undefined || segmentTable === undefined
      ? placed
      : add(placed, gather(segmentTable, segments));
  const epsilon = attributes.float('epsilon', defaultEpsilon);
  const [result] = layerNormalization(sum, scale, bias, epsilon);
  // How many tokens of a row are real, for an attention that takes lengths.
  const lengths = () =>
    mask === undefined
      ? graph.zeros('int32', [batch])
      : reshape(reduceSum(cast(greater(mask, 0), 'int32'), [1]), [batch]);
  return [result, wanted[1] === true ? lengths() : undefined, sum];
};

export const normalization: Readers = {
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
  'com.microsoft:SimplifiedLayerNormalization': simplifiedLayerNormalization,
  'com.microsoft:SkipLayerNormalization': skipLayerNormalization,
  'com.microsoft:SkipSimplifiedLayerNormalization': skipSimplifiedLayerNormalization,
  'com.microsoft:EmbedLayerNormalization': embedLayerNormalization,
};
