/** @file Nodes in an order in which they can run: converters append nodes at the end that others read from. */
import { UserError } from '../../base/errors.js';
import type { NodeProto } from '../onnx_pb.js';

/** Names of the values that a node reads, those that its branches take from around them included. */
export function namesRead(node: NodeProto): string[] {
  const inner = node.attribute.flatMap(({ g }) =>
    g === undefined ? [] : [...g.node.flatMap(namesRead), ...g.output.map(({ name }) => name)],
  );
  return [...node.input.filter((name) => name !== ''), ...inner];
}

/** The nodes, each behind those that it reads from; otherwise as they stand. */
export function inOrder(path: string, nodes: readonly NodeProto[]): NodeProto[] {
  const makers = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const ordered = new Set<NodeProto>();
  const opened = new Set<NodeProto>();
  for (const start of nodes) {
    // Files have chains of thousands of nodes, too long for recursion.
    const stack = [start];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (ordered.has(node)) {
        stack.pop();
        continue;
      }
      const before = namesRead(node)
        .map((name) => makers.get(name))
        .filter((maker) => maker !== undefined && maker !== node && !ordered.has(maker));
      if (before.length === 0) {
        ordered.add(node);
        stack.pop();
        continue;
      }
      if (opened.has(node)) {
        throw new UserError(
          `${path}: node "${node.name}" (${node.opType}) depends on itself: export the model again`,
        );
      }
      opened.add(node);
      stack.push(...(before as NodeProto[]));
    }
  }
  return [...ordered];
}
