/** @file A model that somebody exported to ONNX, as a network to train. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { type Graph, Graph as NewGraph, type Value } from '../../onnx/graph.js';
import { type OnnxFile, openOnnx } from '../../onnx/import/file.js';
import { rowsOf } from '../../onnx/import/readers/linalg.js';
import { type Intercept, SizedFile } from '../../onnx/import/specialise.js';
import type { NodeProto } from '../../onnx/onnx_pb.js';
import { add, gemm, reshape, transpose } from '../../onnx/operators/index.js';
import type { ParameterSpec } from '../../onnx/program.js';
import type { StoredParameter } from '../../onnx/stored.js';
import type {
  Adapt,
  Network,
  NetworkInputs,
  NetworkOutputs,
  SizedNetwork,
  Sizes,
  Weight,
  Weights,
} from '../network.js';
import { contextOf } from './config.js';
import { type FedInput, fedValue, type FileInputs, fileInputs } from './imported/inputs.js';
import { type FileLinear, fileLinears } from './imported/linears.js';
import { type FileHead, type FileOutput, fileOutput } from './imported/output.js';
import { fileParameters, type FileParameters } from './imported/parameters.js';

/** A network that stands in an ONNX file. */
export interface ImportedNetwork extends Network {
  readonly file: OnnxFile;
  /** What the file is fed besides token ids; what it does not take is ignored. */
  readonly takes: ReadonlySet<'mask' | 'positions' | 'segments'>;
  /** Name in the file of the value that a language model's head reads. */
  readonly hiddenName?: string;
}

/**
 * Makes a network of an exported model.
 *
 * @param config config.json, which says what the file does not: its type, sizes, whether weights are tied
 * @throws UserError where the file is damaged or holds what is not read here
 */
export async function importNetwork({
  onnxPath,
  config,
}: {
  onnxPath: string;
  config: JsonObject;
}): Promise<ImportedNetwork> {
  const file = await openOnnx(onnxPath);
  const inputs = fileInputs(file);
  const parameters = await fileParameters(file, config);
  const linears = fileLinears(file, parameters, config);
  const output = fileOutput(file, linears, config);
  const parts: Parts = { file, inputs, parameters, linears, output, context: contextOf(config) };
  const sized = new Map<string, Promise<SizedNetwork>>();
  return {
    file,
    kind: output.kind,
    parameters: parameters.specs,
    linears: distinctLinears(linears),
    width: numberIn(config, onnxPath, 'hidden_size', 'n_embd', 'd_model', 'dim'),
    vocabulary: numberIn(config, onnxPath, 'vocab_size'),
    context: parts.context,
    takes: new Set(inputs.fed.map(({ role }) => role).filter((role) => role !== 'tokens')),
    ...(output.head === undefined ? {} : { hiddenName: output.head.hidden }),
    at(sizes) {
      const key = `${sizes.batch}×${sizes.length}`;
      const known = sized.get(key) ?? sizedNetwork(parts, sizes);
      sized.set(key, known);
      return known;
    },
  };
}

function numberIn(config: JsonObject, path: string, ...names: string[]): number {
  const found = names.map((name) => config[name]).find((value) => typeof value === 'number');
  if (typeof found === 'number') return found;
  throw new UserError(`the config.json of ${path} has no ${names.join(' or ')}`);
}

function distinctLinears(linears: readonly FileLinear[]): Network['linears'] {
  return [...new Map(linears.map(({ linear }) => [linear.name, linear])).values()];
}

interface Parts {
  readonly file: OnnxFile;
  readonly inputs: FileInputs;
  readonly parameters: FileParameters;
  readonly linears: readonly FileLinear[];
  readonly output: FileOutput;
  readonly context: number;
}

async function sizedNetwork(parts: Parts, sizes: Sizes): Promise<SizedNetwork> {
  const { file, inputs, parameters, output } = parts;
  if (sizes.length > parts.context) {
    throw new UserError(
      `sequences of ${sizes.length} tokens are longer than the ${parts.context} positions that ${file.path} has: ` +
        'cut them off (--max-length) or take a model with more positions',
    );
  }
  const fed = new Map(inputs.fed.map((input) => [input.name, input]));
  const leaves = new Set([...fed.keys(), ...parameters.places.keys()]);
  const graph = new NewGraph();
  const sized = await SizedFile.read(
    file,
    { constants: inputs.constants(sizes), leaves, outputs: [output.name] },
    graph,
    placeholderLeaves(graph, fed, parameters, sizes),
  );
  return new ImportedAtSizes(parts, sizes, sized, fed);
}

/** Leaves of the graph that is read only to learn the constants. */
function placeholderLeaves(
  graph: Graph,
  fed: ReadonlyMap<string, FedInput>,
  { places }: FileParameters,
  { batch, length }: Sizes,
): (name: string) => Value {
  return (name) => {
    const input = fed.get(name);
    if (input !== undefined) return graph.input(name, input.dtype, [batch, length]);
    const { tensor } = place(places, name).stored;
    return graph.input(name, 'float32', tensor.shape);
  };
}

function place(places: FileParameters['places'], initializer: string) {
  const found = places.get(initializer);
  if (found === undefined) throw new Error(`"${initializer}" is no parameter`);
  return found;
}

class ImportedAtSizes implements SizedNetwork {
  readonly #products: ReadonlyMap<NodeProto, FileLinear>;
  readonly #additions: ReadonlyMap<NodeProto, FileLinear>;
  readonly #body: readonly NodeProto[];

  constructor(
    readonly parts: Parts,
    readonly sizes: Sizes,
    readonly sized: SizedFile,
    readonly fed: ReadonlyMap<string, FedInput>,
  ) {
    this.#products = new Map(parts.linears.map((linear) => [linear.product, linear]));
    this.#additions = new Map(
      parts.linears.flatMap((linear) => (linear.addition === undefined ? [] : [[linear.addition, linear]])),
    );
    const tail = new Set(parts.output.head?.nodes);
    this.#body = sized.nodes.filter((node) => !tail.has(node));
  }

  forward(graph: Graph, weights: Weights, inputs: NetworkInputs, adapt?: Adapt): NetworkOutputs {
    const { kind, name, head } = this.parts.output;
    const leaves = this.#leaves(graph, weights, inputs);
    const intercept = this.#intercept(weights, adapt);
    const values = this.sized.emit(graph, leaves, { nodes: this.#body, intercept });
    const valueOf = (key: string): Value => {
      const value = values.get(key);
      if (value === undefined) throw new Error(`${this.parts.file.path} does not compute "${key}"`);
      return value;
    };
    if (kind === 'classification') return { kind, logits: valueOf(name) };
    if (head === undefined) return { kind: 'features', hidden: rowsOf(valueOf(name)) };
    const hidden = valueOf(head.hidden);
    return {
      kind: 'language',
      hidden: rowsOf(hidden),
      head: (rows) => {
        const ranked = reshape(rows, [...hidden.shape.slice(0, -2).map(() => 1), ...rows.shape]);
        const tail = this.sized.emit(graph, leaves, {
          values: new Map([...values, [head.hidden, ranked]]),
          nodes: head.nodes,
          intercept: headIntercept(head, intercept),
        });
        return rowsOf(tail.get(name) as Value);
      },
    };
  }

  #leaves(graph: Graph, weights: Weights, inputs: NetworkInputs): (name: string) => Value {
    return (name) => {
      const input = this.fed.get(name);
      if (input !== undefined) return fedValue(graph, input, inputs, this.sizes);
      const { parameter, stored } = place(this.parts.parameters.places, name);
      return asStored(weights(parameter), stored);
    };
  }

  /** Linear layers as products of rows, bias and adapter included. */
  #intercept(weights: Weights, adapt: Adapt | undefined): Intercept {
    return (node, call) => {
      if (this.#additions.has(node)) {
        const product = (this.#additions.get(node) as FileLinear).product.output[0];
        return [call.inputs[node.input.findIndex((name) => name === product)]];
      }
      const found = this.#products.get(node);
      if (found === undefined) return undefined;
      const { linear, bias } = found;
      const x = call.inputs[0] as Value;
      const weight = weights(linear.weight);
      const biasValue = bias === undefined ? call.inputs[2] : this.#bias(weights, bias);
      // [in, out] is what PyTorch has for Conv1D, and the transpose of what it has for any other layer.
      const isInOut = linear.fanInFanOut !== weight.transposed;
      const rows = rowsOf(x);
      const output = gemm(rows, weight.value, biasValue, {
        transB: !isInOut,
        alpha: call.attributes.float('alpha', 1),
        beta: call.attributes.float('beta', 1),
      });
      const adapted = adapt === undefined ? output : adapt(linear, rows, output);
      return [reshape(adapted, [...x.shape.slice(0, -1), linear.outFeatures])];
    };
  }

  #bias(weights: Weights, initializer: string): Value {
    const { parameter, stored } = place(this.parts.parameters.places, initializer);
    return asStored(weights(parameter), stored);
  }
}

/** Behind the head's product rows may be fewer than the file says: what only puts them in order is left out. */
function headIntercept(head: FileHead, intercept: Intercept): Intercept {
  return (node, call) => {
    const [x] = call.inputs;
    if (node.opType === 'Reshape' && x !== undefined && head.nodes.includes(node)) return [x];
    return intercept(node, call);
  };
}

/** A parameter as the file has it, from PyTorch's layout or from the file's. */
function asStored(
  { value, transposed, asStored: isAsStored = false }: Weight,
  stored: StoredParameter,
): Value {
  const laidOut = transposed === stored.transposed ? value : transpose(value, [1, 0]);
  const offset = stored.offset ?? 0;
  return offset === 0 || isAsStored ? laidOut : add(laidOut, offset);
}

/** The elements of a parameter in PyTorch's layout, as float32. */
export async function readParameter({
  name,
  stored,
}: ParameterSpec): Promise<{ shape: number[]; data: Float32Array }> {
  if (stored === undefined) throw new Error(`${name} is not stored in a file`);
  const { tensor, transposed, offset = 0 } = stored;
  const { data: elements } = await tensor.read();
  if (typeof elements[0] === 'bigint') throw new TypeError(`${name} holds integers`);
  const data = Float32Array.from(elements as ArrayLike<number>);
  if (offset !== 0) for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) - offset;
  if (!transposed) return { shape: [...tensor.shape], data };
  const [rows, columns] = tensor.shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = data[row * columns + column] as number;
    }
  }
  return { shape: [columns, rows], data: turned };
}
