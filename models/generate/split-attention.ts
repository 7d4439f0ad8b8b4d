/**
 * @file Attention with a cache, rewritten so that the cache is read once and never copied: scores of what is cached and
 * of what is new are computed apart and joined before the softmax. Exports concatenate instead, which moves the whole
 * cache at each token, and give it back whole. Done to the graph in memory, as ONNX Runtime's own optimizations are;
 * the file stays as it is.
 */
import type { AttributeProto, GraphProto, NodeProto } from '../../onnx/onnx_pb.js';
import { GraphBuilder } from '../export/graph-builder.js';
import type { CacheSlot, DecoderSignature } from './signature.js';

/** An input of rewritten graphs: which positions of this run logits are wanted for, [B, n] int64. */
export const wantedPositions = 'temper_wanted_positions';

/** Nodes in order, and constants that they read. */
export interface SplitGraph {
  readonly nodes: NodeProto[];
  readonly constants: GraphBuilder['constants'];
  /** Whether logits are computed for wanted positions alone. */
  readonly chooses: boolean;
}

interface AttentionSizes {
  readonly heads: number;
  /** 1/√ of this scales the scores. */
  readonly scaledBy: number;
}

/** What may stand between the cache and the products without changing what is attended to. */
const pathOfCache = new Set([
  'Transpose',
  'Mul',
  'Div',
  'Unsqueeze',
  'Expand',
  'Reshape',
  'Identity',
  'Cast',
]);
/** Between the products: scaling, mask, softmax; nothing that caps or adds to scores in another way goes unnoticed. */
const pathOfScores = new Set(['Mul', 'Div', 'Add', 'Where', 'Cast', 'Softmax', 'Identity', 'Dropout']);

/** What scores of hidden places get: below all others, and finite, so that no row is without a number. */
const lowest = -3.4028234663852886e38;

/**
 * Rewrites every attention of a graph, or none: undefined where one is not of the known form. The rewritten graph reads
 * caches of any room, whose places `attention_mask` shows or hides (then those of the run's own tokens), and puts out
 * the new tokens' keys and values alone.
 *
 * It still has to be tried against the file: masks are not read, they are taken to be causal.
 */
export function splitGraph(
  graph: GraphProto,
  weights: ReadonlySet<string>,
  signature: DecoderSignature,
  sizes: AttentionSizes,
): SplitGraph | undefined {
  if (graph.node.some(({ attribute }) => attribute.some(hasGraph))) return undefined;
  const pairs = keyValuePairs(signature.cache);
  if (pairs === undefined || signature.mask === undefined) return undefined;
  const b = new GraphBuilder('temper');
  const links = linksOf(graph.node);
  const sequence = sizeAlong(b, signature.tokens.name, 1); // [S]
  const cached = sizeAlong(b, pairs[0]!.key.input, 2); // [C]
  const bias = maskOf(b, signature.mask.name, cached, sequence);
  const parts = b.node('Concat', [cached, sequence], { axis: 0 });
  const replaced = new Map<string, NodeProto[]>();
  for (const { key, value } of pairs) {
    const found = findAttention(links, key, value);
    if (found === undefined) return undefined;
    const begin = b.nodes.length;
    emitAttention(b, found, { key, value, bias, parts, sizes });
    replaced.set(found.output, b.nodes.splice(begin));
    for (const [slot, appended] of [
      [key, found.key],
      [value, found.value],
    ] as const) {
      b.node('Identity', [appended], {}, slot.output);
      replaced.set(slot.output, b.nodes.splice(begin));
    }
  }
  return assembled(graph, weights, signature, { b, links, replaced });
}

/** [B, 1, S, C + S]: 0 where a new token (row) may look, a very low number where it may not. */
function maskOf(b: GraphBuilder, mask: string, cached: string, sequence: string): string {
  const end = b.node('Add', [cached, sequence]);
  const scalar = (x: string): string => b.node('Squeeze', [x]);
  const places = b.node('Range', [b.int(0), scalar(end), b.int(1)]); // [C + S]
  const own = b.node('Range', [scalar(cached), scalar(end), b.int(1)]); // [S]
  const earlier = b.node('LessOrEqual', [places, b.node('Unsqueeze', [own, b.ints([1])])]); // [S, C + S]
  const real = b.node('Cast', [mask], { to: bool });
  const allowed = b.node('And', [earlier, b.node('Unsqueeze', [real, b.ints([1, 2])])]);
  return b.node('Where', [allowed, b.float(0), b.float(lowest)]);
}

interface AttentionParts {
  readonly key: CacheSlot;
  readonly value: CacheSlot;
  readonly bias: string;
  /** [C, S] */
  readonly parts: string;
  readonly sizes: AttentionSizes;
}

function emitAttention(
  b: GraphBuilder,
  found: Attention,
  { key, value, bias, parts, sizes: { heads, scaledBy } }: AttentionParts,
): void {
  const [, kvHeads, , size] = key.dims as [unknown, number, unknown, number];
  // Heads that share keys are rows of one product: [B, H, S, n] ↔ [B, K, H/K · S, n].
  const grouped = (x: string): string =>
    heads === kvHeads ? x : b.node('Reshape', [x, b.ints([0, kvHeads, -1, size])]);
  const query = grouped(found.query);
  const scores = (keys: string): string => {
    const product = b.node('FusedMatMul', [query, keys], {
      transB: 1,
      alpha: { float: scaledBy ** -found.scalePower },
    });
    b.nodes.at(-1)!.domain = 'com.microsoft';
    return product;
  };
  const joined = b.node('Concat', [scores(key.input), scores(found.key)], { axis: -1 }); // [B, K, H/K · S, C + S]
  // The number of tokens stays open: 0 would copy a size, and −1 stands for one that is not told.
  const apart =
    heads === kvHeads ? joined : b.node('Reshape', [joined, headShape(b, found.query, bias, heads)]);
  const weights = b.node('Softmax', [b.node('Add', [apart, bias])], { axis: -1 });
  const together = heads === kvHeads ? weights : b.node('Reshape', [weights, b.node('Shape', [joined])]);
  const split = [`${found.output}/cached`, `${found.output}/new`];
  b.node('Split', [together, parts], { axis: -1 }, split);
  const mixed = b.node('Add', [
    b.node('MatMul', [split[0]!, value.input]),
    b.node('MatMul', [split[1]!, found.value]),
  ]); // [B, K, H/K · S, d]
  b.node('Reshape', [mixed, b.ints([0, heads, -1, size])], {}, found.output);
}

/** [B, H, S, C + S] */
function headShape(b: GraphBuilder, query: string, bias: string, heads: number): string {
  return b.node(
    'Concat',
    [sizeAlong(b, query, 0), b.ints([heads]), sizeAlong(b, bias, 2), sizeAlong(b, bias, 3)],
    { axis: 0 },
  );
}

/** [1] */
function sizeAlong(b: GraphBuilder, x: string, axis: number): string {
  return b.node('Slice', [b.node('Shape', [x]), b.ints([axis]), b.ints([axis + 1])]);
}

const bool = 9;

function hasGraph({ g, graphs }: AttributeProto): boolean {
  return g !== undefined || graphs.length > 0;
}

/** [batch, heads, tokens, size] caches, key and value by turns. */
function keyValuePairs(slots: readonly CacheSlot[]): { key: CacheSlot; value: CacheSlot }[] | undefined {
  const pairs = slots.flatMap((key) => {
    if (!key.output.endsWith('.key')) return [];
    const value = slots.find(({ output }) => output === key.output.replace(/key$/, 'value'));
    return value === undefined ? [] : [{ key, value }];
  });
  const plain = slots.every(({ dims }) => dims.length === 4 && dims[0] === 'batch' && dims[2] === 'time');
  return plain && 2 * pairs.length === slots.length ? pairs : undefined;
}

interface Links {
  readonly producers: ReadonlyMap<string, NodeProto>;
  readonly consumers: ReadonlyMap<string, readonly NodeProto[]>;
}

function linksOf(nodes: readonly NodeProto[]): Links {
  const producers = new Map<string, NodeProto>();
  const consumers = new Map<string, NodeProto[]>();
  for (const node of nodes) {
    for (const output of node.output) producers.set(output, node);
    for (const input of new Set(node.input)) {
      consumers.set(input, [...(consumers.get(input) ?? []), node]);
    }
  }
  return { producers, consumers };
}

interface Attention {
  /** New queries [B, H, S, d], and new keys and values [B, H of the cache, S, d]. */
  readonly query: string;
  readonly key: string;
  readonly value: string;
  /** [B, H, S, d] */
  readonly output: string;
  /** Scores of `query` and `key` still lack so much of the scale: 0, 1/4 (half of the root was on the keys) or 1/2. */
  readonly scalePower: number;
}

function findAttention(links: Links, key: CacheSlot, value: CacheSlot): Attention | undefined {
  const newKey = appended(links, key);
  const newValue = appended(links, value);
  const scores = productOf(links, key.output);
  const mixed = productOf(links, value.output);
  if (newKey === undefined || newValue === undefined || scores === undefined || mixed === undefined)
    return undefined;
  const between = pathBack(links, mixed.node.input[0]!, scores.node.output[0]!);
  if (between === undefined || between.filter(({ opType }) => opType === 'Softmax').length !== 1)
    return undefined;
  const beforeSoftmax = between.slice(between.findIndex(({ opType }) => opType === 'Softmax') + 1);
  const scaledAfter = beforeSoftmax.some(({ opType }) => opType === 'Mul' || opType === 'Div');
  const scaledKey = scores.path.some(({ opType }) => opType === 'Mul' || opType === 'Div');
  return {
    query: scores.node.input[0]!,
    key: newKey,
    value: newValue,
    output: mixed.node.output[0]!,
    scalePower: scaledAfter ? 0.5 : scaledKey ? 0.25 : 0,
  };
}

/** What is appended to a cache. */
function appended({ producers }: Links, { input, output }: CacheSlot): string | undefined {
  const node = producers.get(output);
  if (node?.opType !== 'Concat' || node.input.length !== 2 || node.input[0] !== input) return undefined;
  return node.input[1];
}

/** The product whose second factor is a cache, and the nodes on the way to it. */
function productOf({ consumers }: Links, from: string): { node: NodeProto; path: NodeProto[] } | undefined {
  const path: NodeProto[] = [];
  let at = from;
  for (;;) {
    const next: NodeProto[] = (consumers.get(at) ?? []).filter(
      // Shapes are replaced as a whole; sizes of an expansion do not carry the cache.
      ({ opType, input }) =>
        opType !== 'Shape' && (input[0] === at || opType === 'MatMul' || opType === 'Mul'),
    );
    const [node] = next;
    if (node === undefined || next.length > 1) return undefined;
    if (node.opType === 'MatMul') return node.input[1] === at ? { node, path } : undefined;
    if (!pathOfCache.has(node.opType)) return undefined;
    path.push(node);
    at = node.output[0]!;
  }
}

/** Nodes from a value back to another, nearest first, along the inputs that depend on it. */
function pathBack(links: Links, from: string, to: string): NodeProto[] | undefined {
  if (from === to) return [];
  const node = links.producers.get(from);
  if (node === undefined || !pathOfScores.has(node.opType)) return undefined;
  // A Where guards against rows without any position: Where(IsNaN(p), 0, p).
  for (const input of node.input) {
    const rest = pathBack(links, input, to);
    if (rest !== undefined) return [node, ...rest];
  }
  return undefined;
}

interface Assembly {
  readonly b: GraphBuilder;
  readonly links: Links;
  readonly replaced: ReadonlyMap<string, NodeProto[]>;
}

function assembled(
  graph: GraphProto,
  weights: ReadonlySet<string>,
  signature: DecoderSignature,
  { b, links, replaced }: Assembly,
): SplitGraph {
  const head = links.producers.get(signature.logits);
  const chooses = head !== undefined && isHead(head, weights, links) && signature.keptLogits === undefined;
  const nodes: NodeProto[] = b.nodes.splice(0);
  for (const node of graph.node) {
    const stand = replaced.get(node.output[0]!);
    if (stand !== undefined) {
      nodes.push(...stand);
      continue;
    }
    if (chooses && node === head) {
      const positions = b.node('Unsqueeze', [wantedPositions, b.ints([2])]);
      node.input[0] = b.node('GatherND', [node.input[0]!, positions], { batch_dims: 1 });
      nodes.push(...b.nodes.splice(0));
    }
    nodes.push(node);
  }
  const outputs = [signature.logits, ...signature.cache.map(({ output }) => output)];
  return { nodes: needed(nodes, outputs), constants: b.constants, chooses };
}

/** A product of the hidden rows [B, S, D] with weights. */
function isHead({ opType, input }: NodeProto, weights: ReadonlySet<string>, { producers }: Links): boolean {
  if (opType === 'MatMulNBits') return true;
  const factor = input[1] ?? '';
  const origin = producers.get(factor);
  const transposed = origin?.opType === 'Transpose' && weights.has(origin.input[0]!);
  return opType === 'MatMul' && (weights.has(factor) || transposed);
}

/** The nodes that outputs depend on, in order. */
function needed(nodes: readonly NodeProto[], outputs: readonly string[]): NodeProto[] {
  const wanted = new Set(outputs);
  const kept: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((output) => wanted.has(output))) continue;
    for (const input of node.input) wanted.add(input);
    kept.push(node);
  }
  return kept.reverse();
}
