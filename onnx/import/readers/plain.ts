/** @file ONNX's plain operators where versions differ, or where another form is faster to differentiate. */
import type { Operator, Value } from '../../graph.js';
import { int64s } from '../../operators/define.js';
import {
  add,
  apply,
  cast,
  div,
  identity,
  logSoftmax,
  max,
  min,
  mul,
  operators,
  pow,
  reciprocal,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  reduceSumSquare,
  reshape,
  softmax,
  sqrt,
} from '../../operators/index.js';
import { normalizeAxis, ShapeError } from '../../shape.js';
import { type DataType, dtypeOfOnnx } from '../../tensor.js';
import type { NodeCall, Reader, Readers } from '../reader.js';
import { input, numbersFrom, numbersOf, sizesOf } from './inputs.js';

type Reduce = (x: Value, axes?: readonly number[], keepdims?: boolean) => Value;

/** Axes are an attribute in older versions and an input since; none are all, or none at all. */
function reduction(reduce: Reduce): Reader {
  return (call) => {
    const x = input(call, 0);
    const axes = numbersFrom(call, 1, 'axes') ?? [];
    const keepdims = call.attributes.int('keepdims', 1) === 1;
    if (axes.length > 0) return [reduce(x, axes, keepdims)];
    if (call.attributes.int('noop_with_empty_axes', 0) === 1) return [identity(x)];
    return [reduce(x, undefined, keepdims)];
  };
}

/** Any number of operands, two by two. */
function chain(combine: (a: Value, b: Value) => Value): Reader {
  return (call) => [call.inputs.map((_, i) => input(call, i)).reduce(combine)];
}

/** Before version 13 the axes from `axis` on were taken as one, and the default was 1. */
function alongAxis(apply: (x: Value, axis: number) => Value): Reader {
  return (call) => {
    const x = input(call, 0);
    const axis = normalizeAxis(call.attributes.int('axis', call.opset < 13 ? 1 : -1), x.shape.length);
    if (call.opset >= 13 || axis === x.shape.length - 1) return [apply(x, axis)];
    const count = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);
    const flat = reshape(x, [count(sizesOf(x).slice(0, axis)), count(sizesOf(x).slice(axis))]);
    return [reshape(apply(flat, 1), x.shape)];
  };
}

/** Bounds are attributes in older versions; a bound that is not given is none. */
function readClip(call: NodeCall): Value[] {
  const x = input(call, 0);
  const bound = (index: number, name: string): Value | undefined =>
    call.inputs[index] ??
    (call.attributes.has(name) ? call.graph.scalar(call.attributes.float(name), x.dtype) : undefined);
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  const raised = low === undefined ? x : max(x, low);
  return [high === undefined ? raised : min(raised, high)];
}

function readPad(call: NodeCall): Value[] {
  const x = input(call, 0);
  const pads = numbersFrom(call, 1, 'pads');
  if (pads === undefined) throw new ShapeError('how much is padded is not given');
  const value = call.inputs[2] ?? call.graph.scalar(call.attributes.float('value', 0), x.dtype);
  const axes = call.inputs[3] === undefined ? [] : [call.inputs[3]];
  const mode = call.attributes.string('mode', 'constant');
  return apply(call.graph, operators.get('Pad') as Operator, [x, int64s(call.graph, pads), value, ...axes], {
    mode,
  });
}

/** Floats of 16 bits are computed in float32. */
const computedIn: Partial<Record<DataType, DataType>> = { float16: 'float32', bfloat16: 'float32' };

function readCast(call: NodeCall): Value[] {
  const type = dtypeOfOnnx(call.attributes.int('to'));
  if (type === undefined) throw new ShapeError(`a cast to type ${call.attributes.int('to')} is not read`);
  return [cast(input(call, 0), computedIn[type] ?? type)];
}

/** Small whole powers as products, whose gradients are cheaper and exist for negative numbers too. */
function readPow(call: NodeCall): Value[] {
  const [x, exponent] = [input(call, 0), input(call, 1)];
  const power = exponent.data?.length === 1 ? numbersOf(exponent)[0] : undefined;
  if (power === 2) return [mul(x, x)];
  if (power === 3) return [mul(mul(x, x), x)];
  if (power === 0.5) return [sqrt(x)];
  if (power === -1) return [reciprocal(x)];
  if (power === -0.5) return [reciprocal(sqrt(x))];
  return [pow(x, cast(exponent, x.dtype))];
}

export const plain: Readers = {
  Identity: (call) => [input(call, 0)],
  // Files are read as they predict; training with dropout is the training's own.
  Dropout: (call) => [input(call, 0)],
  Cast: readCast,
  CastLike: (call) => [cast(input(call, 0), input(call, 1).dtype)],
  Pow: readPow,
  Clip: readClip,
  Pad: readPad,
  Sum: chain(add),
  Max: chain(max),
  Min: chain(min),
  Mean: (call) => [div(call.inputs.map((_, i) => input(call, i)).reduce(add), call.inputs.length)],
  Softmax: alongAxis(softmax),
  LogSoftmax: alongAxis(logSoftmax),
  ReduceSum: reduction(reduceSum),
  ReduceMean: reduction(reduceMean),
  ReduceMax: reduction(reduceMax),
  ReduceMin: reduction(reduceMin),
  ReduceSumSquare: reduction(reduceSumSquare),
  ReduceL2: reduction((x, axes, keepdims) => sqrt(reduceSumSquare(x, axes, keepdims))),
};
