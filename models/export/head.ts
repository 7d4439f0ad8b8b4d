/** @file A head that a file lacks, appended to its graph: pooling of the hidden rows, then a linear layer. */
import { create } from '@bufbuild/protobuf';
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType as ElementType,
  TensorProtoSchema,
  type ValueInfoProto,
} from '../../onnx/onnx_pb.js';
import { valueInfo } from '../../onnx/encode.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Parameter } from './stored-form.js';

/** logits = pooled · weightᵀ + bias. */
export interface ExportedHead {
  /** The name in the file of the rows that the head reads: [batch, length, D], or [batch · length, D]. */
  readonly hiddenName: string;
  /** A row's last real token, its first one, or the mean over its real tokens. */
  readonly pooling: 'last' | 'first' | 'mean';
  /** [classes, D] */
  readonly weight: Parameter;
  /** [classes]; none: 0. */
  readonly bias?: Parameter;
  /** Names of the classes; none: LABEL_0, LABEL_1, … */
  readonly labels?: readonly string[];
  /** As transformers knows it; none: what follows from the number of classes. */
  readonly problem?: 'regression' | 'single_label_classification' | 'multi_label_classification';
}

export interface HeadedGraph {
  readonly graph: GraphProto;
  readonly added: readonly { readonly name: string; readonly tensor: HostTensor }[];
  /** Every name that a node of the graph reads. */
  readonly reads: ReadonlySet<string>;
}

interface HeadlessFile {
  readonly path: string;
  readonly graph: GraphProto;
  readonly opsets: ReadonlyMap<string, number>;
}

const prefix = 'classifier';

/**
 * The graph that ends in `logits` [batch, classes]. What only the old outputs needed is left out, and so are inputs that
 * only generation feeds: past keys and values are empty, positions count from 0.
 */
export function withHead({ path, graph, opsets }: HeadlessFile, head: ExportedHead): HeadedGraph {
  if ((opsets.get('') ?? 0) < 13)
    throw new UserError(
      `${path} uses operator set ${opsets.get('') ?? 0}: a head needs 13 or newer. Export the model again.`,
    );
  const made = new Set(graph.node.flatMap(({ output }) => output));
  if (!made.has(head.hiddenName)) throw new Error(`${path} computes no "${head.hiddenName}"`);
  const build = new Builder();
  const [classes, width] = head.weight.shape as [number, number];
  const tokens = inputNamed(path, graph, 'input_ids');
  const sizes = build.node('Shape', [tokens.name]); // [B, T]
  const substitutes = generationInputs(path, graph, build, sizes);
  const shape = build.node('Concat', [sizes, build.ints([width])], { axis: 0 });
  const typed = build.node('Reshape', [head.hiddenName, shape]);
  const rows = build.node('Cast', [typed], { to: ElementType.FLOAT }); // [B, T, D]
  const mask = graph.input.some(({ name }) => name === 'attention_mask') ? 'attention_mask' : undefined;
  const pooled = pool(build, head.pooling, rows, mask ?? build.filled(sizes, 1n), sizes); // [B, D]
  const weight = build.constant('weight', head.weight);
  const bias = build.constant('bias', head.bias ?? { shape: [classes], data: new Float32Array(classes) });
  build.node('Gemm', [pooled, weight, bias], { transB: 1 }, 'logits');
  const renamed = graph.node.map((node) => renameOutput(node, 'logits', `${prefix}/before/logits`));
  const nodes = reachable([...substitutes, ...renamed, ...build.nodes], ['logits']);
  const reads = readsOf(nodes);
  const output = valueInfo('logits', { dtype: 'float32', shape: [batchName(tokens), classes] });
  const input = graph.input.filter(({ name }) => reads.has(name) && !build.replaced.has(name));
  return {
    graph: { ...graph, node: nodes, input, output: [output], valueInfo: [] },
    added: build.constants.filter(({ name }) => reads.has(name)),
    reads,
  };
}

function pool(
  build: Builder,
  how: ExportedHead['pooling'],
  rows: string,
  mask: string,
  sizes: string,
): string {
  if (how === 'first' || how === 'last') {
    const places = how === 'first' ? mask : lastFirst(build, mask, sizes);
    const index = build.node('ArgMax', [places], { axis: 1, keepdims: 1 }); // [B, 1]
    return build.node('GatherND', [rows, index], { batch_dims: 1 });
  }
  const weights = build.node('Cast', [mask], { to: ElementType.FLOAT });
  const apart = build.node('Unsqueeze', [weights, build.ints([1])]); // [B, 1, T]
  const sum = build.node('Squeeze', [build.node('MatMul', [apart, rows]), build.ints([1])]);
  return build.node('Div', [sum, build.node('ReduceSum', [weights, build.ints([1])], { keepdims: 1 })]);
}

/** Larger the later a real token stands; 0 at padding: [B, T]. */
function lastFirst(build: Builder, mask: string, sizes: string): string {
  const order = build.range(sizes, 1n);
  return build.node('Mul', [build.node('Cast', [mask], { to: ElementType.INT64 }), order]);
}

/** Nodes that make what the model asks for only because it can generate. */
function generationInputs(path: string, graph: GraphProto, build: Builder, sizes: string): NodeProto[] {
  const before = build.nodes.length;
  for (const input of graph.input) {
    const { name } = input;
    if (name.startsWith('past_key_values')) build.emptyPast(path, input, sizes);
    else if (name === 'position_ids')
      build.node('Expand', [build.range(sizes, 0n), sizes], {}, build.replace(name));
    else if (name === 'use_cache_branch')
      build.constant(build.replace(name), { shape: [1], data: Uint8Array.of(0) }, '');
    else if (name === 'num_logits_to_keep')
      build.constant(build.replace(name), { shape: [], data: BigInt64Array.of(0n) }, '');
  }
  return build.nodes.splice(before);
}

/** Makes nodes and constants under names of its own. */
class Builder {
  readonly nodes: NodeProto[] = [];
  readonly constants: { name: string; tensor: HostTensor }[] = [];
  /** Inputs of the file that are computed now. */
  readonly replaced = new Set<string>();
  #count = 0;

  node(
    opType: string,
    input: readonly string[],
    attributes: Readonly<Record<string, number>> = {},
    output = `${prefix}/${opType}_${this.#count++}`,
  ): string {
    const attribute = Object.entries(attributes).map(([name, value]) =>
      create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) }),
    );
    const node = { name: `${prefix}/node/${output}`, opType, input: [...input], output: [output], attribute };
    this.nodes.push(create(NodeProtoSchema, node));
    return output;
  }

  constant(name: string, tensor: HostTensor, within = `${prefix}.`): string {
    this.constants.push({ name: `${within}${name}`, tensor });
    return `${within}${name}`;
  }

  ints(values: readonly number[]): string {
    return this.constant(`ints_${this.#count++}`, {
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  replace(name: string): string {
    this.replaced.add(name);
    return name;
  }

  /** int64 of some shape, all alike. */
  filled(shape: string, value: bigint): string {
    const output = this.node('ConstantOfShape', [shape]);
    return value === 0n ? output : this.node('Add', [output, this.ints([Number(value)])]);
  }

  /** first, first + 1, …: [T] */
  range(sizes: string, first: bigint): string {
    const scalar = (value: bigint) =>
      this.constant(`scalar_${this.#count++}`, { shape: [], data: BigInt64Array.of(value) });
    const length = this.node('Gather', [sizes, scalar(1n)], { axis: 0 });
    const counted = this.node('Range', [scalar(0n), length, scalar(1n)]);
    return this.node('Add', [counted, scalar(first)]);
  }

  /** Keys or values of no token yet. */
  emptyPast(path: string, { name, type }: ValueInfoProto, sizes: string): void {
    const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
    const dims = tensor?.shape?.dim ?? [];
    if (tensor === undefined || dims.length !== 4)
      throw new UserError(`${path}: the input ${name} is not [batch, heads, past, size]`);
    const batch = this.node('Slice', [sizes, this.ints([0]), this.ints([1])]);
    const parts = dims.map(({ value }, axis) => {
      if (axis === 0) return batch;
      return this.ints([value.case === 'dimValue' && axis !== 2 ? Number(value.value) : 0]);
    });
    const shape = this.node('Concat', parts, { axis: 0 });
    const zeros = this.node('ConstantOfShape', [shape]);
    const last = this.nodes.at(-1) as NodeProto;
    const zero = create(TensorProtoSchema, {
      ...{ dims: [1n], dataType: tensor.elemType },
      rawData: new Uint8Array(tensor.elemType === Number(ElementType.FLOAT) ? 4 : 2),
    });
    last.attribute.push(create(AttributeProtoSchema, { name: 'value', type: AttributeType.TENSOR, t: zero }));
    this.node('Identity', [zeros], {}, this.replace(name));
  }
}

function inputNamed(path: string, graph: GraphProto, wanted: string): ValueInfoProto {
  const found = graph.input.find(({ name }) => name === wanted);
  if (found === undefined)
    throw new UserError(
      `${path} has no input ${wanted}; it has ${graph.input.map(({ name }) => name).join(', ')}`,
    );
  return found;
}

function batchName({ type }: ValueInfoProto): string {
  const dim = type?.value.case === 'tensorType' ? type.value.value.shape?.dim[0]?.value : undefined;
  return dim?.case === 'dimParam' && dim.value !== '' ? dim.value : 'batch_size';
}

function renameOutput(node: NodeProto, from: string, to: string): NodeProto {
  const rename = (name: string) => (name === from ? to : name);
  if (![...node.input, ...node.output].includes(from)) return node;
  return { ...node, input: node.input.map(rename), output: node.output.map(rename) };
}

/** The nodes that some outputs need, in their order. */
function reachable(nodes: readonly NodeProto[], outputs: readonly string[]): NodeProto[] {
  const maker = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const kept = new Set<NodeProto>();
  const waiting = [...outputs];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const node = maker.get(name);
    if (node === undefined || kept.has(node)) continue;
    kept.add(node);
    waiting.push(...readsOf([node]));
  }
  return nodes.filter((node) => kept.has(node));
}

/** Names that nodes read, those of their bodies included. */
function readsOf(nodes: readonly NodeProto[]): Set<string> {
  const names = new Set<string>();
  const visit = (each: readonly NodeProto[]): void => {
    for (const { input, attribute } of each) {
      for (const name of input) if (name !== '') names.add(name);
      for (const { g, graphs } of attribute)
        for (const body of g === undefined ? graphs : [g, ...graphs]) visitBody(body);
    }
  };
  const visitBody = (body: GraphProto): void => {
    visit(body.node);
    for (const { name } of body.output) names.add(name);
  };
  visit(nodes);
  return names;
}

/** config.json of the model under its new head. */
export function headConfig(config: JsonObject, { weight, labels, problem }: ExportedHead): JsonObject {
  const classes = weight.shape[0] as number;
  const names = Array.from({ length: classes }, (_, i) => labels?.[i] ?? `LABEL_${i}`);
  const [known] = Array.isArray(config['architectures']) ? config['architectures'] : [];
  const family = typeof known === 'string' ? known.replace(/(For[A-Z]\w*|LMHeadModel|Model)$/, '') : '';
  return {
    ...config,
    architectures: [`${family}ForSequenceClassification`],
    id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    num_labels: classes,
    problem_type: problem ?? (classes === 1 ? 'regression' : 'single_label_classification'),
  };
}
