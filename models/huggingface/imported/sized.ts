/** @file An imported model's graph at given sizes: linear layers with their adapters, the head apart. */
import { UserError } from '../../../base/errors.js';
import type { Graph, Value } from '../../../onnx/graph.js';
import type { NodeCall } from '../../../onnx/import/reader.js';
import { attendProjected } from '../../../onnx/import/readers/attention.js';
import { rowsOf, withoutScale } from '../../../onnx/import/readers/linalg.js';
import { readerOf } from '../../../onnx/import/readers/index.js';
import type { FileValues, Intercept, SizedFile } from '../../../onnx/import/specialise.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import {
  add,
  concat,
  detach,
  equal,
  gather,
  gemm,
  reshape,
  split,
  transpose,
  unsqueeze,
  where,
} from '../../../onnx/operators/index.js';
import type { StoredParameter } from '../../../onnx/stored.js';
import type {
  Adapt,
  NetworkInputs,
  NetworkOutputs,
  SizedNetwork,
  Sizes,
  Weight,
  Weights,
} from '../../network.js';
import type { FedInput } from './inputs.js';
import { fedValue } from './inputs.js';
import type { FileLinear, LinearPart } from './linears.js';
import type { FileOutput } from './output.js';
import type { FileParameters, Part, Place } from './parameters.js';

/** What is known of a file whatever the sizes. */
export interface ImportedParts {
  readonly path: string;
  readonly fed: ReadonlyMap<string, FedInput>;
  readonly parameters: FileParameters;
  readonly linears: readonly FileLinear[];
  readonly output: FileOutput;
  /** The nodes that put out the residual stream, where it can be made out. */
  readonly stream?: readonly NodeProto[];
  /** The row of an embedding that PyTorch gives no gradient (padding_idx), by the parameter's name. */
  readonly paddingRows: ReadonlyMap<string, number>;
}

export class ImportedAtSizes implements SizedNetwork {
  readonly #products: ReadonlyMap<NodeProto, FileLinear>;
  /** Additions of biases, which are part of their products here. */
  readonly #additions: ReadonlyMap<NodeProto, FileLinear>;
  readonly #body: readonly NodeProto[];
  /** What forward computed, by the graph that it was added to. */
  readonly #values = new WeakMap<Graph, FileValues>();

  constructor(
    readonly parts: ImportedParts,
    readonly sizes: Sizes,
    readonly sized: SizedFile,
  ) {
    this.#products = new Map(parts.linears.map((linear) => [linear.product, linear]));
    this.#additions = new Map(
      parts.linears.flatMap((linear) => (linear.addition === undefined ? [] : [[linear.addition, linear]])),
    );
    const tail = new Set(parts.output.head?.nodes);
    this.#body = sized.nodes.filter((node) => !tail.has(node));
  }

  forward(graph: Graph, weights: Weights, inputs: NetworkInputs, adapt?: Adapt): NetworkOutputs {
    const { kind, name, head } = this.parts.output;
    const leaves = this.#leaves(graph, weights, inputs);
    const intercept = this.#intercept(weights, adapt);
    const values = this.sized.emit(graph, leaves, { nodes: this.#body, intercept });
    this.#values.set(graph, values);
    const valueOf = (key: string): Value => {
      const value = values.get(key);
      if (value === undefined) throw new Error(`${this.parts.path} does not compute "${key}"`);
      return value;
    };
    if (kind === 'classification') return { kind, logits: valueOf(name) };
    if (head === undefined) return { kind: 'features', hidden: rowsOf(valueOf(name)) };
    const hidden = valueOf(head.hidden);
    return {
      kind: 'language',
      hidden: rowsOf(hidden),
      head: (rows) => {
        const ranked = reshape(rows, [...hidden.shape.slice(0, -2).map(() => 1), ...rows.shape]);
        const tail = this.sized.emit(graph, leaves, {
          values: new Map([...values, [head.hidden, ranked]]),
          nodes: head.nodes,
          intercept: (node, call) => withoutReshape(node, call) ?? intercept(node, call),
        });
        return rowsOf(tail.get(name) as Value);
      },
    };
  }

  layer(graph: Graph, index: number): Value {
    const { stream, path } = this.parts;
    const values = this.#values.get(graph);
    if (values === undefined) throw new Error('layers are those of a graph that forward was added to');
    if (stream === undefined) {
      throw new UserError(
        `${path}: its blocks cannot be told apart, so there are no hidden states of layers`,
      );
    }
    const node = stream[index];
    if (node === undefined) {
      throw new UserError(
        `there is no layer ${index}: ${path} has 0 (the embedding) to ${stream.length - 1}`,
      );
    }
    return rowsOf(streamOf(node, values));
  }

  #leaves(graph: Graph, weights: Weights, inputs: NetworkInputs): (name: string) => Value {
    return (name) => {
      const input = this.parts.fed.get(name);
      if (input !== undefined) return fedValue(graph, input, inputs, this.sizes);
      const { parts } = this.parts.parameters.places.get(name) as Place;
      const whole = packedWhole(graph, weights, parts);
      if (whole !== undefined) return whole;
      const values = parts.map((part) => inFileLayout(weights, part));
      return concat(values, parts[0]?.stored.slice?.axis ?? 0);
    };
  }

  #intercept(weights: Weights, adapt: Adapt | undefined): Intercept {
    return (node, call) => {
      const added = this.#additions.get(node);
      if (added !== undefined) return [call.inputs[node.input.indexOf(added.product.output[0] as string)]];
      const linear = this.#products.get(node);
      if (linear !== undefined) {
        const output = this.#linear(linear, call, weights, adapt);
        // The projections of an Attention are its own product.
        return node.opType === 'Attention' ? attendProjected(call, rowsOf(output)) : [output];
      }
      if (node.opType === 'Gather') return this.#lookup(node, call);
      return undefined;
    };
  }

  /** A linear layer as a product of rows, bias and adapter included. */
  #linear(linear: FileLinear, call: NodeCall, weights: Weights, adapt: Adapt | undefined): Value {
    const x = call.inputs[0] as Value;
    const rows = rowsOf(x);
    const outputs = linear.isQuantized
      ? quantizedOutputs(linear, call, weights)
      : linear.parts.map((part) => product(x, part, call, weights));
    const adapted = outputs.map((output, i) =>
      adapt === undefined ? output : adapt((linear.parts[i] as LinearPart).linear, rows, output),
    );
    const joined = concat(adapted, 1);
    return reshape(joined, [...x.shape.slice(0, -1), joined.shape[1] as number]);
  }

  /** An embedding's rows; of the padding's row PyTorch takes no gradient. */
  #lookup(node: NodeProto, call: NodeCall): Value[] | undefined {
    const place = this.parts.parameters.places.get(node.input[0] as string);
    const row = this.parts.paddingRows.get(place?.parts[0]?.parameter ?? '');
    const [table, ids] = call.inputs;
    if (row === undefined || table === undefined || ids === undefined) return undefined;
    const found = gather(table, ids);
    const isPadding = unsqueeze(equal(ids, row), -1);
    return [where(isPadding, detach(found), found)];
  }
}

/** What a node adds to the residual stream; where norm and addition are one operator, the sum. */
function streamOf(node: NodeProto, values: FileValues): Value {
  const valueOf = (name: string | undefined) => values.get(name ?? '');
  if (!node.opType.startsWith('Skip')) return valueOf(node.output[0]) as Value;
  const sum = valueOf(node.output[3]);
  if (sum !== undefined) return sum;
  const bias = valueOf(node.input[node.opType === 'SkipLayerNormalization' ? 4 : 3]);
  const added = add(valueOf(node.input[0]) as Value, valueOf(node.input[1]) as Value);
  return bias === undefined ? added : add(added, bias);
}

/** Behind the head's product rows may be fewer than the file says: what only puts them in order is left out. */
function withoutReshape(node: NodeProto, { inputs }: NodeCall): (Value | undefined)[] | undefined {
  return node.opType === 'Reshape' ? [inputs[0]] : undefined;
}

function product(x: Value, { linear, bias }: LinearPart, call: NodeCall, weights: Weights): Value {
  const { value, scale } = withoutScale(x);
  const weight = weights(linear.weight);
  // [in, out] is what PyTorch has for Conv1D, and the transpose of what it has for any other layer.
  const isInOut = linear.fanInFanOut !== weight.transposed;
  return gemm(
    rowsOf(value),
    weight.value,
    bias === undefined ? call.inputs[2] : inFileLayout(weights, bias),
    {
      transB: !isInOut,
      alpha: scale * call.attributes.float('alpha', 1),
      beta: call.attributes.float('beta', 1),
    },
  );
}

/**
 * Packed weights that stay in their file, projections stored as one included: whole, since their gradient takes the
 * very same bytes as another type.
 */
function packedWhole(graph: Graph, weights: Weights, parts: readonly Part[]): Value | undefined {
  const stored = parts[0]?.stored;
  if (stored?.quantized === undefined || stored.tensor.location === undefined) return undefined;
  const isFrozen = parts.every(({ parameter }) => weights(parameter).asStored === true);
  return isFrozen ? graph.stored(stored.tensor) : undefined;
}

/** Packed weights stay packed while they are frozen; trained ones are products like any other. */
function quantizedOutputs(linear: FileLinear, call: NodeCall, weights: Weights): Value[] {
  const { parts } = linear;
  const isPacked = parts.every((part) => weights(part.linear.weight).asStored === true);
  if (!isPacked) {
    const plain = { ...call, inputs: [call.inputs[0], call.inputs[1], call.inputs[5]] };
    return parts.map((part) => product(call.inputs[0] as Value, part, plain, weights));
  }
  const [output] = readerOf(call)(call);
  const rows = rowsOf(output as Value);
  const outputs =
    parts.length === 1
      ? [rows]
      : split(
          rows,
          1,
          parts.map(({ linear: { outFeatures } }) => outFeatures),
        );
  return outputs.map((part, i) => {
    const bias = parts[i]?.bias;
    return bias === undefined ? part : add(part, inFileLayout(weights, bias));
  });
}

function inFileLayout(weights: Weights, { parameter, stored }: Part): Value {
  return asStored(weights(parameter), stored);
}

/** A parameter as the file has it, from PyTorch's layout or from the file's. */
function asStored(
  { value, transposed, asStored: isAsStored = false }: Weight,
  stored: StoredParameter,
): Value {
  const laidOut = transposed === stored.transposed ? value : transpose(value, [1, 0]);
  const offset = stored.offset ?? 0;
  return offset === 0 || isAsStored ? laidOut : add(laidOut, offset);
}
