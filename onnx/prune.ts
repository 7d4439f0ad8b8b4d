/** @file Leaving out what nothing depends on: ONNX Runtime would run it all the same. */
import { isComposite, type Graph, type Node, type Value } from './graph.js';

/** What has to be written for a graph to compute some outputs. */
export interface LiveGraph {
  /** In an order in which they can run; composites are represented by their parts. */
  readonly nodes: readonly Node[];
  readonly constants: readonly Value[];
  /** Those that stay in files of their own. */
  readonly stored: readonly Value[];
  /** Inputs read as other types; the inputs themselves are among `inputs`. */
  readonly views: readonly Value[];
  /** The inputs that are read. */
  readonly inputs: ReadonlySet<Value>;
}

/** The nodes, constants and inputs that `outputs` depend on. */
export function prune(graph: Graph, outputs: readonly Value[]): LiveGraph {
  const live = new Set(outputs);
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (isComposite(node.operator) || !node.outputs.some((output) => live.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) if (input !== undefined) live.add(input);
  }
  const views = [...live].filter((value) => value.viewOf !== undefined);
  for (const { viewOf } of views) live.add(viewOf as Value);
  return {
    nodes: nodes.reverse(),
    constants: [...live].filter((value) => value.data !== undefined),
    stored: [...live].filter((value) => value.stored !== undefined),
    views,
    inputs: new Set(graph.inputs.filter((input) => live.has(input))),
  };
}
