/** @file Who makes and who reads each value of a file. */
import type { OnnxFile } from '../../../onnx/import/file.js';
import { namesRead } from '../../../onnx/import/order.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';

/** A node that reads a value, as its input `index`. */
export interface Use {
  readonly node: NodeProto;
  readonly index: number;
}

/** Nodes that hand on what they read, in another layout or type at most. */
const passing = new Set(['Identity', 'Cast']);

/** The connections of a file's graph. */
export class Wiring {
  readonly #makers = new Map<string, NodeProto>();
  readonly #uses = new Map<string, Use[]>();
  readonly #outputs: ReadonlySet<string>;

  constructor(readonly file: OnnxFile) {
    for (const node of file.graph.node) {
      for (const name of node.output) if (name !== '') this.#makers.set(name, node);
      for (const [index, name] of node.input.entries()) if (name !== '') this.#addUse(name, { node, index });
      for (const name of namesRead(node)) {
        if (!node.input.includes(name)) this.#addUse(name, { node, index: -1 });
      }
    }
    this.#outputs = new Set(file.graph.output.map(({ name }) => name));
  }

  #addUse(name: string, use: Use): void {
    const known = this.#uses.get(name);
    if (known === undefined) this.#uses.set(name, [use]);
    else known.push(use);
  }

  makerOf(name: string): NodeProto | undefined {
    return this.#makers.get(name);
  }

  directUsesOf(name: string): readonly Use[] {
    return this.#uses.get(name) ?? [];
  }

  /** Who reads a value, seen through nodes that only hand it on. */
  usesOf(name: string): Use[] {
    return (this.#uses.get(name) ?? []).flatMap((use) =>
      passing.has(use.node.opType) ? this.usesOf(use.node.output[0] as string) : [use],
    );
  }

  /** The one node that reads a value; undefined where there are several, or where the file puts it out. */
  onlyReaderOf(name: string): NodeProto | undefined {
    const uses = this.#uses.get(name) ?? [];
    return uses.length === 1 && !this.#outputs.has(name) ? uses[0]?.node : undefined;
  }

  /** Every value that one depends on. */
  ancestorsOf(name: string): ReadonlySet<string> {
    const found = new Set([name]);
    // Sets may grow while they are gone through.
    for (const value of found) {
      const maker = this.#makers.get(value);
      if (maker !== undefined) for (const input of namesRead(maker)) found.add(input);
    }
    return found;
  }

  /** Where a value comes from, seen through nodes that only hand it on, and through transposes. */
  sourceOf(name: string): string {
    const maker = this.#makers.get(name);
    if (maker === undefined || !(passing.has(maker.opType) || maker.opType === 'Transpose')) return name;
    return this.sourceOf(maker.input[0] as string);
  }
}
