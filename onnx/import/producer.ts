/** @file Which node of a graph puts a value out. */
import { type Graph, isComposite, type Node, type Value } from '../graph.js';

interface Index {
  readonly nodes: Map<Value, Node>;
  readonly composites: Map<Value, Node>;
  seen: number;
}

const indices = new WeakMap<Graph, Index>();

function indexOf(graph: Graph): Index {
  let index = indices.get(graph);
  if (index === undefined) {
    index = { nodes: new Map(), composites: new Map(), seen: 0 };
    indices.set(graph, index);
  }
  for (; index.seen < graph.nodes.length; index.seen++) {
    const node = graph.nodes[index.seen] as Node;
    const kind = isComposite(node.operator) ? index.composites : index.nodes;
    for (const output of node.outputs) if (!kind.has(output)) kind.set(output, node);
  }
  return index;
}

/** The node that puts a value out, of a composite the part that does; undefined for inputs and constants. */
export function producerOf(value: Value): Node | undefined {
  return indexOf(value.graph).nodes.get(value);
}

/** The composite that puts a value out, or else the node. */
export function wholeOf(value: Value): Node | undefined {
  return indexOf(value.graph).composites.get(value) ?? producerOf(value);
}
