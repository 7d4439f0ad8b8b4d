/** @file The residual stream of an exported model: the values that everything passes through between two blocks. */
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import { layerCount, tokenEmbedding } from './architectures.js';
import type { FileParameters } from './parameters.js';
import type { JsonObject } from '../../../base/json.js';
import type { Wiring } from './uses.js';

/** The number of a block in a parameter's name. */
const blockNumber = /\.(?:h|layers?|blocks?)\.(\d+)\./;
/** Sizes do not carry what a model computes. */
const sizes = new Set(['Shape', 'Size']);

/**
 * The nodes that put out the residual stream, 0 after the embedding, i after block i; undefined where it cannot be made
 * out.
 *
 * A node is passed by everything between the embedding and the output if, in an order in which the nodes run, no
 * connection leads over it. Of those the stream after block i is the first behind every use of the block's parameters.
 *
 * @param output name of the value at which the stream ends: what the head reads
 */
export function residualStream(
  wiring: Wiring,
  output: string,
  { places }: FileParameters,
  config: JsonObject,
): NodeProto[] | undefined {
  const path = pathTo(wiring, output, places);
  if (path === undefined) return undefined;
  const gates = gatesOf(path, wiring);
  const uses = blockUses(path, wiring, places);
  const first = Math.min(...(uses.get(0) ?? [Infinity]));
  const embedded = gates.filter((position) => position < first).at(-1);
  const stream = [embedded];
  for (let block = 0; block < layerCount(config); block++) {
    const last = Math.max(...(uses.get(block) ?? [Infinity]));
    stream.push(gates.find((position) => position >= last));
  }
  if (stream.some((position) => position === undefined)) return undefined;
  return stream.map((position) => path[position as number] as NodeProto);
}

/** The nodes on any way from the embedding to the output, in the order in which they run. */
function pathTo(wiring: Wiring, output: string, places: FileParameters['places']): NodeProto[] | undefined {
  const isEmbedding = (node: NodeProto) =>
    (node.opType === 'Gather' || node.opType === 'GatherBlockQuantized') &&
    (places
      .get(wiring.sourceOf(node.input[0] as string))
      ?.parts.some(({ parameter }) => tokenEmbedding.test(parameter)) ??
      false);
  const before = wiring.ancestorsOf(output);
  const { node: nodes } = wiring.file.graph;
  const start = nodes.find(isEmbedding);
  if (start === undefined) return undefined;
  const reached = new Set(start.output);
  const path = [start];
  for (const node of nodes) {
    if (node === start || sizes.has(node.opType)) continue;
    if (!node.input.some((name) => reached.has(name))) continue;
    for (const name of node.output) reached.add(name);
    if (node.output.some((name) => name !== '' && before.has(name))) path.push(node);
  }
  return path.at(-1)?.output.includes(output) === true ? path : undefined;
}

/** Positions of the nodes that no connection leads over. */
function gatesOf(path: readonly NodeProto[], wiring: Wiring): number[] {
  const positions = new Map(path.map((node, position) => [node, position]));
  const gates: number[] = [];
  // The farthest that a connection from before a position leads.
  let farthest = 0;
  for (const [position, node] of path.entries()) {
    if (farthest <= position) gates.push(position);
    for (const name of node.output) {
      for (const { node: reader } of wiring.directUsesOf(name))
        farthest = Math.max(farthest, positions.get(reader) ?? 0);
    }
  }
  return gates;
}

/** Of each block, the positions on the path at which its parameters come in. */
function blockUses(
  path: readonly NodeProto[],
  wiring: Wiring,
  places: FileParameters['places'],
): Map<number, number[]> {
  const positions = new Map(path.map((node, position) => [node, position]));
  const uses = new Map<number, number[]>();
  for (const [initializer, { parts }] of places) {
    const block = blockNumber.exec(parts[0]?.parameter ?? '')?.[1];
    if (block === undefined) continue;
    const found = uses.get(Number(block)) ?? [];
    uses.set(Number(block), found);
    // What is computed of parameters alone comes in where it meets the path.
    const names = new Set([initializer]);
    for (const name of names) {
      for (const { node } of wiring.directUsesOf(name)) {
        const position = positions.get(node);
        if (position === undefined) for (const output of node.output) names.add(output);
        else found.push(position);
      }
    }
  }
  return uses;
}
