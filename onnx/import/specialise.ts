/** @file A file's graph at given sizes: what depends on nothing fed is folded away, the rest is added to a graph. */
import { UserError } from '../../base/errors.js';
import type { Graph, Value } from '../graph.js';
import { type GraphProto, type NodeProto } from '../onnx_pb.js';
import { cast } from '../operators/index.js';
import { ShapeError } from '../shape.js';
import type { HostTensor } from '../tensor.js';
import { typeOfTensor } from '../tensor.js';
import { attributesOf } from './attributes.js';
import { Constants } from './constants.js';
import { type OnnxFile, plainDomain } from './file.js';
import { namesRead } from './order.js';
import type { NodeCall } from './reader.js';
import { readerOf } from './readers/index.js';
import { storedTensorOf } from './tensor-proto.js';

/** What is fixed when a file is read. */
export interface FileSizes {
  /** Inputs of the file that have one value always, such as past keys of length 0. */
  readonly constants: ReadonlyMap<string, HostTensor>;
  /** Values of the file that are given from outside: its other inputs, and the initializers that are parameters. */
  readonly leaves: ReadonlySet<string>;
  /** Values of the file that somebody will ask for. */
  readonly outputs: readonly string[];
}

/** Finds a leaf in the graph that is being built. */
export type Leaves = (name: string) => Value;

/** Reads a node in its own way, or leaves it to the readers (undefined). */
export type Intercept = (node: NodeProto, call: NodeCall) => (Value | undefined)[] | undefined;

/** What an emission has come to: values of the file, by their names there. */
export type FileValues = Map<string, Value>;

/** A file at given sizes, all constants known. */
export class SizedFile {
  readonly #constants: Constants;

  private constructor(
    readonly file: OnnxFile,
    readonly sizes: FileSizes,
    /** The nodes that the outputs depend on, in the file's order. */
    readonly nodes: readonly NodeProto[],
  ) {
    this.#constants = new Constants(file, sizes.leaves);
    for (const [name, tensor] of sizes.constants) this.#constants.set(name, tensor);
  }

  /**
   * Reads a file once through, computing what constants the readers ask for.
   *
   * @param graph where what is read goes; a graph of its own, of which nobody needs anything
   * @throws UserError naming the node, for operators that are not read and for inputs that do not go together
   */
  static async read(
    file: OnnxFile,
    sizes: FileSizes,
    graph: Graph,
    leaves: Leaves,
    intercept?: Intercept,
  ): Promise<SizedFile> {
    const sized = new SizedFile(file, sizes, liveNodes(file.graph, sizes.outputs));
    const reading = sized.#read(graph, leaves, new Map(), sized.nodes, intercept);
    for (let step = reading.next(); step.done !== true; step = reading.next()) {
      await sized.#constants.compute(step.value);
    }
    return sized;
  }

  /** Adds the nodes to a graph; those whose outputs are in `values` already are taken as read. */
  emit(
    graph: Graph,
    leaves: Leaves,
    {
      values = new Map(),
      nodes = this.nodes,
      intercept,
    }: { values?: FileValues; nodes?: readonly NodeProto[]; intercept?: Intercept } = {},
  ): FileValues {
    const step = this.#read(graph, leaves, values, nodes, intercept).next();
    if (step.done !== true) throw new Error(`constants ${step.value.join(', ')} were not computed`);
    return values;
  }

  /** A constant as a value of the graph, if it is one and was computed. */
  constant(graph: Graph, name: string): Value | undefined {
    const stored = this.#constants.inPlace(name);
    if (stored !== undefined) return computable(graph.stored(stored));
    const tensor = this.#constants.get(name);
    return tensor && graph.constant(typeOfTensor(tensor), tensor.shape, tensor.data);
  }

  /** Yields the names of constants that have to be computed before it can go on. */
  *#read(
    graph: Graph,
    leaves: Leaves,
    values: FileValues,
    nodes: readonly NodeProto[],
    intercept: Intercept | undefined,
  ): Generator<string[], void> {
    const constants = this.#constants;
    const dynamic = (name: string) => values.has(name) || this.sizes.leaves.has(name);
    // Constants stay out of `values`: what is in there depends on what is fed.
    const constantValues = new Map<string, Value | undefined>();
    const constantOf = (name: string): Value | undefined => {
      if (!constantValues.has(name)) constantValues.set(name, this.constant(graph, name));
      return constantValues.get(name);
    };
    const valueOf = (name: string): Value | undefined => {
      const known = values.get(name);
      if (known !== undefined) return known;
      if (!this.sizes.leaves.has(name)) return constantOf(name);
      const leaf = leaves(name);
      values.set(name, leaf);
      return leaf;
    };
    for (const node of nodes) {
      const outputs = node.output.filter((name) => name !== '');
      if (outputs.every((name) => values.has(name) || constants.has(name))) continue;
      const inputs = node.input.filter((name) => name !== '');
      if (node.opType === 'If') {
        yield* this.#readIf(graph, leaves, values, node, intercept);
        continue;
      }
      if (!inputs.some(dynamic)) {
        constants.define(node);
        continue;
      }
      const size = sizeTensor(node, valueOf);
      if (size !== undefined) {
        constants.set(node.output[0] as string, size);
        continue;
      }
      const unknown = inputs.filter(
        (name) =>
          !dynamic(name) && constants.inPlace(name) === undefined && constants.get(name) === undefined,
      );
      if (unknown.length > 0) yield unknown;
      const call = this.#call(graph, node, valueOf);
      const read = this.#explain(node, () => intercept?.(node, call) ?? readerOf(call)(call));
      node.output.forEach((name, i) => {
        const value = read[i];
        if (value === undefined && call.wanted[i] === true) {
          throw new Error(`the reader of ${node.opType} does not put out "${name}"`);
        }
        if (value !== undefined && name !== '') values.set(name, value);
      });
    }
  }

  /** The branch that is taken, in the place of the node. */
  *#readIf(
    graph: Graph,
    leaves: Leaves,
    values: FileValues,
    node: NodeProto,
    intercept: Intercept | undefined,
  ): Generator<string[], void> {
    const condition = node.input[0] as string;
    if (values.has(condition) || this.sizes.leaves.has(condition)) {
      throw this.#error(
        node,
        'which branch is taken depends on what is fed: export the model without control flow (torch.onnx.export with dynamo=True)',
      );
    }
    if (this.#constants.get(condition) === undefined) yield [condition];
    const isTrue = Number(this.#constants.get(condition)?.data[0]) !== 0;
    const branch = node.attribute.find(({ name }) => name === (isTrue ? 'then_branch' : 'else_branch'))?.g;
    if (branch === undefined) throw this.#error(node, 'the branch that is taken is missing');
    for (const tensor of branch.initializer) this.#constants.set(tensor.name, storedTensorOf(tensor));
    yield* this.#read(graph, leaves, values, branch.node, intercept);
    for (const [i, { name }] of branch.output.entries()) {
      const output = node.output[i] as string;
      const value = values.get(name) ?? (this.sizes.leaves.has(name) ? leaves(name) : undefined);
      if (value !== undefined) values.set(output, value);
      else {
        if (this.#constants.get(name) === undefined) yield [name];
        this.#constants.set(output, this.#constants.get(name) as HostTensor);
      }
    }
  }

  #call(graph: Graph, node: NodeProto, valueOf: (name: string) => Value | undefined): NodeCall {
    const domain = plainDomain(node.domain);
    return {
      graph,
      type: node.opType,
      domain,
      opset: this.file.opsets.get(domain) ?? 1,
      name: node.name === '' ? (node.output[0] ?? node.opType) : node.name,
      inputs: node.input.map((name) => (name === '' ? undefined : valueOf(name))),
      wanted: node.output.map((name) => name !== '' && this.#wanted.has(name)),
      attributes: attributesOf(node),
    };
  }

  /** Every name that a node reads, or that is asked for. */
  get #wanted(): ReadonlySet<string> {
    return (this.#wantedNames ??= new Set([...this.sizes.outputs, ...this.nodes.flatMap(namesRead)]));
  }
  #wantedNames?: ReadonlySet<string>;

  #explain<T>(node: NodeProto, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof ShapeError || error instanceof TypeError) throw this.#error(node, error.message);
      throw error;
    }
  }

  #error({ opType, domain, name, output }: NodeProto, message: string): UserError {
    const type = plainDomain(domain) === '' ? opType : `${domain}:${opType}`;
    return new UserError(`${this.file.path}: node "${name === '' ? output[0] : name}" (${type}): ${message}`);
  }
}

function liveNodes(graph: GraphProto, outputs: readonly string[]): NodeProto[] {
  const live = new Set(outputs);
  const nodes: NodeProto[] = [];
  for (const node of [...graph.node].reverse()) {
    if (!node.output.some((name) => live.has(name))) continue;
    nodes.push(node);
    for (const name of namesRead(node)) live.add(name);
  }
  return nodes.reverse();
}

/** Floats of 16 bits as float32, in which Temper computes. */
function computable(value: Value): Value {
  return value.dtype === 'float16' || value.dtype === 'bfloat16' ? cast(value, 'float32') : value;
}

/** Sizes are constants, whatever the elements depend on. */
function sizeTensor(node: NodeProto, valueOf: (name: string) => Value | undefined): HostTensor | undefined {
  if ((node.opType !== 'Shape' && node.opType !== 'Size') || plainDomain(node.domain) !== '')
    return undefined;
  const { shape } = valueOf(node.input[0] as string) as Value;
  if (node.opType === 'Size') {
    return {
      shape: [],
      data: BigInt64Array.of(BigInt(shape.reduce<number>((n, dim) => n * Number(dim), 1))),
    };
  }
  const attributes = attributesOf(node);
  const part = shape.slice(attributes.int('start', 0), attributes.int('end', shape.length));
  return { shape: [part.length], data: BigInt64Array.from(part, BigInt) };
}
