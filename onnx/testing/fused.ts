/** @file Checking readers of fused operators against ONNX Runtime's own kernels for them. */
import { create, toBinary } from '@bufbuild/protobuf';
import ort from 'onnxruntime-node';
import { Random } from '../../base/random.js';
import { valueInfo } from '../encode.js';
import { evaluate } from '../evaluate.js';
import { Graph, type Value } from '../graph.js';
import { attributesOf } from '../import/attributes.js';
import type { Reader } from '../import/reader.js';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
} from '../onnx_pb.js';
import { fromOrt, toOrt } from '../session.js';
import {
  bytesOf,
  dataOf,
  type DataType,
  type HostTensor,
  onnxType,
  sizeOf,
  type TensorData,
} from '../tensor.js';
import type { Argument } from './central_differences.js';

/** An input of a fused operator: elements, or what random ones are drawn from (−1 … 1 where nothing is said). */
export interface FusedInput {
  readonly shape: readonly number[];
  readonly dtype?: DataType;
  readonly values?: readonly number[];
  readonly data?: TensorData;
  readonly between?: readonly [number, number];
  /** It is part of the model, as integers of four bits have to be, and the reader gets it as a constant. */
  readonly constant?: boolean;
}

/** Attributes: whole numbers are ints, a number in an array of its own (`{ float: 0.5 }`) is a float. */
export type FusedAttributes = Readonly<
  Record<string, number | string | readonly number[] | { float: number }>
>;

export interface FusedCall {
  readonly type: string;
  readonly domain?: string;
  readonly opset?: number;
  readonly inputs: readonly (FusedInput | undefined)[];
  readonly attributes?: FusedAttributes;
  /** Which outputs are asked for. Default: the first. */
  readonly outputs?: readonly number[];
}

/** The node that a call stands for; inputs are named x0, x1, …, outputs y0, y1, …. */
function nodeOf({ type, domain = '', inputs, attributes = {}, outputs = [0] }: FusedCall): NodeProto {
  return create(NodeProtoSchema, {
    name: 'fused',
    opType: type,
    domain,
    input: inputs.map((input, i) => (input === undefined ? '' : `x${i}`)),
    output: Array.from({ length: Math.max(...outputs) + 1 }, (_, i) => (outputs.includes(i) ? `y${i}` : '')),
    attribute: Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'string')
        return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: Buffer.from(value) });
      if (typeof value === 'number')
        return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
      if ('float' in value)
        return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
      return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
    }),
  });
}

/** The same elements at every call: drawn from the call itself. */
function feedsOf(call: FusedCall): (HostTensor | undefined)[] {
  const random = Random.of(1, 'fused operators', JSON.stringify(call));
  return call.inputs.map((input) => {
    if (input === undefined) return undefined;
    const { shape, dtype = 'float32', values, data, between: [low, high] = [-1, 1] } = input;
    const drawn = () => Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.uniform());
    return { shape, dtype, data: data ?? dataOf(dtype, values ?? drawn()) };
  });
}

/** What ONNX Runtime's kernel makes of a call. */
async function runFused(call: FusedCall, feeds: readonly (HostTensor | undefined)[]): Promise<HostTensor[]> {
  const node = nodeOf(call);
  const { domain = '', opset = domain === '' ? 23 : 1 } = call;
  const isConstant = (index: number) => call.inputs[index]?.constant === true;
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [
      { domain: '', version: domain === '' ? BigInt(opset) : 21n },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: create(GraphProtoSchema, {
      name: 'fused',
      node: [node],
      initializer: feeds.flatMap((feed, i) =>
        feed === undefined || !isConstant(i)
          ? []
          : [
              create(TensorProtoSchema, {
                name: `x${i}`,
                dims: feed.shape.map(BigInt),
                dataType: onnxType(feed.dtype as DataType),
                rawData: bytesOf(feed.data),
              }),
            ],
      ),
      input: feeds.flatMap((feed, i) =>
        feed === undefined || isConstant(i)
          ? []
          : [valueInfo(`x${i}`, { dtype: feed.dtype as DataType, shape: [...feed.shape] })],
      ),
      output: node.output.filter((name) => name !== '').map((name) => ({ name })),
    }),
  });
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const given = Object.fromEntries(
      feeds.flatMap((feed, i) =>
        feed === undefined || isConstant(i) ? [] : [[`x${i}`, toOrt(feed)] as const],
      ),
    );
    const results = await session.run(given);
    return (call.outputs ?? [0]).map((output) => fromOrt(results[`y${output}`] as ort.Tensor));
  } finally {
    await session.release();
  }
}

/** Reads a call into a graph, with `given` in the places of its inputs. */
function read(reader: Reader, call: FusedCall, graph: Graph, given: readonly (Value | undefined)[]): Value[] {
  const { type, domain = '', opset = domain === '' ? 23 : 1, outputs = [0] } = call;
  const node = nodeOf(call);
  const made = reader({
    graph,
    type,
    domain,
    opset,
    name: node.name,
    inputs: given,
    wanted: node.output.map((name) => name !== ''),
    attributes: attributesOf(node),
  });
  return outputs.map((output) => {
    const value = made[output];
    if (value === undefined)
      throw new Error(`output ${output} is wanted, and the reader of ${type} has none`);
    return value;
  });
}

/**
 * Both results of a call: of the kernel, and of what the reader makes of it.
 *
 * @param same a call that means the same, for the kernel, where it does not know this form
 */
export async function runBoth(
  reader: Reader,
  call: FusedCall,
  same = call,
): Promise<{ fused: HostTensor[]; plain: HostTensor[] }> {
  const feeds = feedsOf(call);
  const graph = new Graph();
  const given = feeds.map((feed, i) => {
    if (feed === undefined) return undefined;
    return call.inputs[i]?.constant === true
      ? graph.constant(feed.dtype as DataType, feed.shape, feed.data)
      : graph.input(`x${i}`, feed.dtype as DataType, feed.shape);
  });
  const outputs = read(reader, call, graph, given);
  const fed = Object.fromEntries(
    feeds.flatMap((feed, i) => (given[i]?.data !== undefined || feed === undefined ? [] : [[`x${i}`, feed]])),
  );
  const results = await evaluate(Object.fromEntries(outputs.map((value, i) => [`y${i}`, value])), fed);
  return {
    fused: await runFused(same, feedsOf(same)),
    plain: outputs.map((_, i) => results[`y${i}`] as HostTensor),
  };
}

/** The largest difference between a kernel's results and the reader's; Infinity where shapes or types differ. */
export async function fusedError(reader: Reader, call: FusedCall, same?: FusedCall): Promise<number> {
  const { fused, plain } = await runBoth(reader, call, same);
  return Math.max(...fused.map((tensor, i) => difference(tensor, plain[i] as HostTensor)));
}

function difference(a: HostTensor, b: HostTensor): number {
  if (a.shape.join() !== b.shape.join() || a.data.constructor !== b.data.constructor) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [Number(a.data[i]), Number(b.data[i])];
    if (x === y) continue;
    const error = Math.abs(x - y);
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }
  return worst;
}

/**
 * A call as a function of its floating-point inputs, for checking gradients: the others are constants.
 *
 * @param output which of the call's outputs
 */
export function asFunction(
  reader: Reader,
  call: FusedCall,
  output = 0,
): { build: (...values: Value[]) => Value; specs: Argument[] } {
  const feeds = feedsOf(call);
  const isArgument = feeds.map(
    (feed, i) => feed?.dtype === 'float32' && feed.data.length > 0 && call.inputs[i]?.constant !== true,
  );
  return {
    specs: call.inputs.flatMap((input, i) =>
      isArgument[i] ? [{ shape: (input as FusedInput).shape, between: input?.between ?? [-1, 1] }] : [],
    ),
    build: (...values) => {
      const { graph } = values[0] as Value;
      const rest = [...values];
      const given = feeds.map((feed, i) => {
        if (feed === undefined) return undefined;
        if (isArgument[i]) return rest.shift();
        // Whatever precision the gradient is checked in, numbers that are not arguments have it, too.
        if (feed.dtype === 'float32') {
          return graph.constant((values[0] as Value).dtype, feed.shape, Array.from(feed.data, Number));
        }
        return graph.constant(feed.dtype as DataType, feed.shape, feed.data);
      });
      return read(reader, call, graph, given)[output] as Value;
    },
  };
}
