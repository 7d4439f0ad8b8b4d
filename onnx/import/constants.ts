/** @file Values of a file that depend on nothing that is fed: computed by ONNX Runtime, when somebody asks. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  ValueInfoProtoSchema,
} from '../onnx_pb.js';
import type { StoredTensor } from '../stored.js';
import type { HostTensor } from '../tensor.js';
import { toBfloat16, toFloat16 } from '../half.js';
import { runOnce } from '../run-once.js';
import type { OnnxFile } from './file.js';
import { widened } from './elements.js';
import { foldedTensor } from './fold.js';
import { tensorProto } from './tensor-proto.js';

/** ONNX Runtime does not take external data that are smaller. */
const fewestBytes = 1024;
/** Floats that may be asked for (tables of sines, scales of small weights) are fewer. */
const manyBytes = 1 << 16;

/**
 * The constants of a file at given sizes. A constant is known, stored in the file, or put out by a node whose inputs
 * are constants; the last two are computed only when they are asked for, as many as are needed in one go.
 */
export class Constants {
  readonly #known = new Map<string, HostTensor>();
  readonly #makers = new Map<string, NodeProto>();
  readonly #stored: ReadonlyMap<string, StoredTensor>;

  constructor(
    readonly file: OnnxFile,
    /** Initializers that are no constants. */
    parameters: ReadonlySet<string>,
  ) {
    this.#stored = new Map([...file.weights].filter(([name]) => !parameters.has(name)));
  }

  has(name: string): boolean {
    return this.#known.has(name) || this.#makers.has(name) || this.#stored.has(name);
  }

  /** A constant with these elements. */
  set(name: string, tensor: HostTensor): void {
    this.#known.set(name, tensor);
  }

  /** The constants that a node puts out, whose inputs are constants all. */
  define(node: NodeProto): void {
    const known = node.input.map((name) => (name === '' ? undefined : this.#known.get(name)));
    const folded = node.input.every((name, i) => name === '' || known[i] !== undefined)
      ? foldedTensor(node, known)
      : undefined;
    const [output] = node.output;
    if (folded !== undefined && output !== undefined) this.#known.set(output, folded);
    else for (const name of node.output) if (name !== '') this.#makers.set(name, node);
  }

  /**
   * The initializer that a constant is, if it had better stay in its file: packed weights of any size, since nobody
   * asks for their elements, and floats that are large.
   */
  inPlace(name: string): StoredTensor | undefined {
    const stored = this.#known.has(name) ? undefined : this.#stored.get(name);
    const bytes = stored?.location?.length;
    if (stored === undefined || bytes === undefined) return undefined;
    const isPacked = ['uint8', 'int8', 'uint4', 'int4'].includes(stored.dtype);
    const isFloat = ['float32', 'float16', 'bfloat16'].includes(stored.dtype);
    return bytes >= (isPacked ? fewestBytes : isFloat ? manyBytes : Infinity) ? stored : undefined;
  }

  /** A constant that was computed or set, floats of 16 bits as float32; undefined: ask with {@link compute}. */
  get(name: string): HostTensor | undefined {
    const tensor = this.#known.get(name);
    return tensor && widened(tensor);
  }

  /** Computes some constants. */
  async compute(names: readonly string[]): Promise<void> {
    const nodes = new Set<NodeProto>();
    const leaves = new Set<string>();
    const visit = (name: string): void => {
      const maker = this.#makers.get(name);
      if (maker === undefined || this.#known.has(name)) {
        leaves.add(name);
        return;
      }
      if (nodes.has(maker)) return;
      for (const input of maker.input) if (input !== '') visit(input);
      nodes.add(maker);
    };
    names.forEach(visit);
    for (const name of leaves) {
      const stored = this.#known.has(name) ? undefined : this.#stored.get(name);
      if (stored !== undefined) this.#known.set(name, await readAsStored(stored));
    }
    if (nodes.size > 0)
      await this.#run(
        [...nodes],
        leaves,
        names.filter((name) => !this.#known.has(name)),
      );
  }

  async #run(
    nodes: readonly NodeProto[],
    leaves: ReadonlySet<string>,
    outputs: readonly string[],
  ): Promise<void> {
    const initializer: TensorProto[] = [...leaves].map((name) => {
      const tensor = this.#known.get(name);
      if (tensor === undefined) throw new Error(`"${name}" is no constant`);
      return tensorProto(name, tensor);
    });
    const model = create(ModelProtoSchema, {
      irVersion: this.file.irVersion,
      opsetImport: [...this.file.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
      graph: create(GraphProtoSchema, {
        name: 'constants',
        node: [...nodes],
        initializer,
        output: outputs.map((name) => create(ValueInfoProtoSchema, { name })),
      }),
    });
    const results = await runOnce(toBinary(ModelProtoSchema, model));
    for (const [name, tensor] of Object.entries(results)) this.#known.set(name, tensor);
  }
}

/** A stored constant as the file's own nodes take it: in its own type, where reading has widened it. */
async function readAsStored(stored: StoredTensor): Promise<HostTensor> {
  const tensor = await stored.read();
  if (stored.dtype === 'float16')
    return { ...tensor, dtype: 'float16', data: toFloat16(tensor.data as Float32Array) };
  if (stored.dtype === 'bfloat16') {
    return { ...tensor, dtype: 'bfloat16', data: toBfloat16(tensor.data as Float32Array) };
  }
  return tensor;
}
