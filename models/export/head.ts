/** @file A head that a file lacks, appended to its graph: pooling of the hidden rows, then a linear layer. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import {
  type GraphProto,
  type NodeProto,
  TensorProto_DataType as ElementType,
  type ValueInfoProto,
} from '../../onnx/onnx_pb.js';
import { valueInfo } from '../../onnx/encode.js';
import type { HostTensor } from '../../onnx/tensor.js';
import { GraphBuilder } from './graph-builder.js';
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
  /** PyTorch's name of the layer; none: `score`, as in transformers' classifiers made of language models. */
  readonly module?: string;
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

/** Sizes of a model's keys and values, for files that do not say them themselves. */
export interface CacheSizes {
  readonly keyHeads: number;
  readonly headSize: number;
}

interface HeadlessFile {
  readonly cache?: CacheSizes;
  readonly path: string;
  readonly graph: GraphProto;
  readonly opsets: ReadonlyMap<string, number>;
}

const prefix = 'classifier';

/**
 * The graph that ends in `logits` [batch, classes]. What only the old outputs needed is left out, and so are inputs that
 * only generation feeds: past keys and values are empty, positions count from 0.
 */
export function withHead({ path, graph, opsets, cache }: HeadlessFile, head: ExportedHead): HeadedGraph {
  if ((opsets.get('') ?? 0) < 13)
    throw new UserError(
      `${path} uses operator set ${opsets.get('') ?? 0}: a head needs 13 or newer. Export the model again.`,
    );
  const made = new Set(graph.node.flatMap(({ output }) => output));
  if (!made.has(head.hiddenName)) throw new Error(`${path} computes no "${head.hiddenName}"`);
  const build = new GraphBuilder(prefix);
  const [classes, width] = head.weight.shape as [number, number];
  const tokens = inputNamed(path, graph, 'input_ids');
  const sizes = build.node('Shape', [tokens.name]); // [B, T]
  const replaced = generationInputs({ path, graph, opsets, cache }, build, sizes);
  const substitutes = build.nodes.splice(0);
  const shape = build.node('Concat', [sizes, build.ints([width])], { axis: 0 });
  const typed = build.node('Reshape', [head.hiddenName, shape]);
  const rows = build.node('Cast', [typed], { to: ElementType.FLOAT }); // [B, T, D]
  const mask = graph.input.some(({ name }) => name === 'attention_mask') ? 'attention_mask' : undefined;
  const pooled = pool(
    build,
    head.pooling,
    rows,
    mask ?? build.node('Add', [build.node('Expand', [build.int(0), sizes]), build.int(1)]),
    sizes,
  ); // [B, D]
  const weight = build.constant(head.weight, 'classifier.weight');
  const bias = build.constant(
    head.bias ?? { shape: [classes], data: new Float32Array(classes) },
    'classifier.bias',
  );
  build.node('Gemm', [pooled, weight, bias], { transB: 1 }, 'logits');
  const renamed = graph.node.map((node) => renameOutput(node, 'logits', `${prefix}/before/logits`));
  const nodes = reachable([...substitutes, ...renamed, ...build.nodes], ['logits']);
  const reads = readsOf(nodes);
  const output = valueInfo('logits', { dtype: 'float32', shape: [batchName(tokens), classes] });
  const input = graph.input.filter(({ name }) => reads.has(name) && !replaced.has(name));
  return {
    graph: { ...graph, node: nodes, input, output: [output], valueInfo: [] },
    added: build.constants.filter(({ name }) => reads.has(name)),
    reads,
  };
}

function pool(
  build: GraphBuilder,
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

/** Makes what the model asks for only because it can generate. @returns the inputs that are computed now */
function generationInputs(
  { path, graph, cache }: HeadlessFile,
  build: GraphBuilder,
  sizes: string,
): Set<string> {
  const replaced = new Set<string>();
  for (const input of graph.input) {
    const { name } = input;
    if (name.startsWith('past_key_values')) emptyPast(path, input, cache, build, sizes);
    else if (name === 'position_ids') build.node('Expand', [countedFrom(0, build, sizes), sizes], {}, name);
    else if (name === 'use_cache_branch') build.constant({ shape: [1], data: Uint8Array.of(0) }, name);
    else if (name === 'num_logits_to_keep') build.constant({ shape: [], data: BigInt64Array.of(0n) }, name);
    else continue;
    replaced.add(name);
  }
  return replaced;
}

/** Keys or values of no token yet: [batch, heads, 0, size]. */
function emptyPast(
  path: string,
  { name, type }: ValueInfoProto,
  cache: CacheSizes | undefined,
  build: GraphBuilder,
  sizes: string,
): void {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
  const dims = tensor?.shape?.dim ?? [];
  if (tensor === undefined || dims.length !== 4)
    throw new UserError(`${path}: the input ${name} is not [batch, heads, past, size]`);
  const batch = build.node('Slice', [sizes, build.ints([0]), build.ints([1])]);
  const parts = dims.map(({ value }, axis) => {
    if (axis === 0) return batch;
    if (axis === 2) return build.ints([0]);
    const known = axis === 1 ? cache?.keyHeads : cache?.headSize;
    const size = value.case === 'dimValue' ? Number(value.value) : known;
    if (size === undefined || !Number.isInteger(size))
      throw new UserError(
        `${path} does not say the size of ${name}'s axis ${axis}, and neither does config.json`,
      );
    return build.ints([size]);
  });
  const shape = build.node('Concat', parts, { axis: 0 });
  const zeros = build.node('ConstantOfShape', [shape]);
  build.node('Cast', [zeros], { to: tensor.elemType }, name);
}

/** Larger the later a real token stands; 0 at padding: [B, T]. */
function lastFirst(build: GraphBuilder, mask: string, sizes: string): string {
  return build.node('Mul', [
    build.node('Cast', [mask], { to: ElementType.INT64 }),
    countedFrom(1, build, sizes),
  ]);
}

/** first, first + 1, …: [T] */
function countedFrom(first: number, build: GraphBuilder, sizes: string): string {
  const length = build.node('Gather', [sizes, build.int(1)], { axis: 0 });
  return build.node('Add', [build.node('Range', [build.int(0), length, build.int(1)]), build.int(first)]);
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
