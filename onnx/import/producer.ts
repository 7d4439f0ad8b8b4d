/** @file Which node of a graph puts a value out. */
import type { Graph, Node, Value } from '../graph.js';

interface Index {
  readonly nodes: Map<Value, Node>;
  seen: number;
}

const indices = new WeakMap<Graph, Index>();

/** The node that puts a value out; undefined for inputs and constants. */
export function producerOf(value: Value): Node | undefined {
  const { graph } = value;
  let index = indices.get(graph);
  if (index === undefined) indices.set(graph, (index = { nodes: new Map(), seen: 0 }));
  for (; index.seen < graph.nodes.length; index.seen++) {
    const node = graph.nodes[index.seen] as Node;
    // The parts of a composite come before it, and put its outputs out: it is the parts that are looked for.
    for (const output of node.outputs) if (!index.nodes.has(output)) index.nodes.set(output, node);
  }
  return index.nodes.get(value);
}
