/**
 * @file What a device has no kernel for, in operators that it has. ONNX Runtime would run the rest on the CPU, and
 * carry tensors there and back in every step.
 */
import type { DeviceKind } from './device.js';
import type { NamedValues } from './encode.js';
import { Graph, type Attributes, type Call, type Operator, type Value } from './graph.js';
import {
  add,
  cast,
  concat,
  equal,
  exp,
  Gemm,
  greater,
  log,
  MatMul,
  mul,
  reduceMax,
  reduceSum,
  split,
  Split,
  sub,
  transpose,
  unsqueeze,
  where,
} from './operators/index.js';
import { constantNumbers, need } from './operators/define.js';
import { prune } from './prune.js';
import { normalizeAxis } from './shape.js';

type Lowering = (call: Call<Attributes>) => Value[];

/** Kind of device → name of the operator in the table → what stands for it. One entry, one operator. */
export const lowerings: Readonly<Record<DeviceKind, Readonly<Record<string, Lowering>>>> = {
  cpu: {},
  cuda: {},
  webgpu: {
    FusedMatMul({ inputs, attributes }) {
      const [a, b] = [need(inputs, 0), need(inputs, 1)];
      const { transA, transB, alpha } = attributes as { transA: number; transB: number; alpha: number };
      // Neither gemm() nor matmul(), which would write some shapes as the very FusedMatMul that is replaced here.
      if (a.shape.length === 2 && b.shape.length === 2) {
        return [a.graph.emitOne(Gemm, [a, b], { transA, transB, alpha, beta: 1 })];
      }
      const factors = [transA === 1 ? swapLast(a) : a, transB === 1 ? swapLast(b) : b];
      const product = a.graph.emitOne(MatMul, factors, {});
      return [alpha === 1 ? product : mul(product, alpha)];
    },
    Concat({ inputs, attributes: { axis } }) {
      return [
        joined(
          inputs.map((_, i) => need(inputs, i)),
          axis as number,
        ),
      ];
    },
    Split(call) {
      const x = need(call.inputs, 0);
      const axis = normalizeAxis(call.attributes['axis'] as number, x.shape.length);
      const parts = Split.infer(call as Call<{ axis: number }>);
      return parted(
        x,
        axis,
        parts.map(({ shape }) => shape[axis] as number),
      );
    },
    LogSoftmax({ inputs, attributes: { axis } }) {
      const x = need(inputs, 0);
      const along = [axis as number];
      const shifted = sub(x, reduceMax(x, along, true));
      return [sub(shifted, log(reduceSum(exp(shifted), along, true)))];
    },
    OneHot({ inputs, attributes: { axis } }) {
      const [indices, values] = [need(inputs, 0), need(inputs, 2)];
      const depth = constantNumbers(inputs, 1)[0] as number;
      const [off, on] = constantNumbers(inputs, 2) as [number, number];
      const rank = indices.shape.length + 1;
      const at = normalizeAxis(axis as number, rank);
      const shape = Array.from({ length: rank }, (_, i) => (i === at ? depth : 1));
      const numbers = indices.graph.constant(
        indices.dtype,
        shape,
        Array.from({ length: depth }, (_, i) => i),
      );
      return [add(mul(cast(equal(unsqueeze(indices, at), numbers), values.dtype), on - off), off)];
    },
    Sum: ({ inputs }) => [inputs.map((_, i) => need(inputs, i)).reduce((sum, value) => add(sum, value))],
    Sign({ inputs }) {
      const x = need(inputs, 0);
      const zero = x.graph.scalar(0, x.dtype);
      return [where(greater(x, zero), 1, where(greater(zero, x), -1, zero))];
    },
  },
};

/** WebGPU promises a shader eight buffers: seven parts and the whole. */
const mostParts = 7;

/** Groups of one level of a tree: few enough, in order. */
function grouped<T>(all: readonly T[]): T[][] {
  const size = Math.ceil(all.length / mostParts);
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

function joined(parts: readonly Value[], axis: number): Value {
  if (parts.length <= mostParts) return concat(parts, axis);
  return concat(
    grouped(parts).map((group) => joined(group, axis)),
    axis,
  );
}

function parted(x: Value, axis: number, sizes: readonly number[]): Value[] {
  if (sizes.length <= mostParts) return split(x, axis, sizes);
  const groups = grouped(sizes);
  const sums = groups.map((group) => group.reduce((sum, size) => sum + size, 0));
  const wholes = split(x, axis, sums);
  return groups.flatMap((group, i) => parted(wholes[i] as Value, axis, group));
}

function swapLast(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), x.shape.length - 1, x.shape.length - 2]);
}

/** What {@link lowered} gives: the same computation in another graph. */
export interface LoweredGraph {
  /** In the order of those given. */
  readonly inputs: readonly Value[];
  readonly outputs: NamedValues;
}

/** The same computation in operators that a device has; where it has all of them, the graph itself. */
export function lowered(inputs: readonly Value[], outputs: NamedValues, kind: DeviceKind): LoweredGraph {
  const rules = lowerings[kind];
  const { graph } = Object.values(outputs)[0] as Value;
  const live = prune(graph, Object.values(outputs));
  if (!live.nodes.some(({ operator }) => Object.hasOwn(rules, operator.name))) return { inputs, outputs };
  const copy = new Graph();
  const copies = new Map<Value, Value>();
  for (const input of new Set([...inputs, ...live.inputs])) {
    copies.set(input, copy.input(input.name, input.dtype, input.shape));
  }
  const copyOf = (value: Value): Value => {
    const known = copies.get(value) ?? copyLeaf(copy, value, copyOf);
    copies.set(value, known);
    return known;
  };
  for (const node of live.nodes) {
    const call = {
      inputs: node.inputs.map((input) => (input === undefined ? undefined : copyOf(input))),
      attributes: node.attributes,
    };
    const rule = rules[node.operator.name];
    const results = copy.within(node.name, () =>
      rule === undefined ? copy.emit(node.operator as Operator, call.inputs, call.attributes) : rule(call),
    );
    node.outputs.forEach((output, i) => copies.set(output, results[i] as Value));
  }
  return {
    inputs: inputs.map(copyOf),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, copyOf(value)])),
  };
}

/** A value that no node puts out: a constant, a tensor of a file, or another view of one of them. */
function copyLeaf(copy: Graph, value: Value, copyOf: (value: Value) => Value): Value {
  if (value.data !== undefined) return copy.constant(value.dtype, value.shape as number[], value.data);
  if (value.stored !== undefined) return copy.stored(value.stored);
  if (value.viewOf !== undefined)
    return copy.view(copyOf(value.viewOf), value.dtype, value.shape as number[]);
  throw new Error(`${value.name} belongs to no node, and is neither an input nor a constant`);
}
