/** @file The linear layers of an exported model: which node multiplies by which weight, and which adds the bias. */
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import { namesRead } from '../../../onnx/import/specialise.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import type { Linear } from '../../network.js';
import { type FileParameters, isConv1d } from './parameters.js';

/** A linear layer in the file. */
export interface FileLinear {
  readonly linear: Linear;
  /** The product, MatMul or Gemm. */
  readonly product: NodeProto;
  /** The initializer of its weight. */
  readonly weight: string;
  /** The initializer of its bias. */
  readonly bias?: string;
  /** The node that adds the bias, where it is not the product itself. */
  readonly addition?: NodeProto;
}

/** The linear layers of a file, in its order. */
export function fileLinears(
  file: OnnxFile,
  { specs, places }: FileParameters,
  config: JsonObject,
): FileLinear[] {
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const readers = readersOf(file);
  const sources = sourcesOf(file);
  const linears: FileLinear[] = [];
  for (const product of file.graph.node) {
    if (product.opType !== 'MatMul' && product.opType !== 'Gemm') continue;
    const weight = sources(product.input[1] ?? '');
    const place = places.get(weight);
    if (place === undefined || place.stored.tensor.shape.length !== 2) continue;
    const shape = shapes.get(place.parameter) as readonly number[];
    const module = place.parameter.replace(/\.weight$/, '');
    const fanInFanOut = isConv1d(config, module);
    const [inFeatures, outFeatures] = (fanInFanOut ? shape : [...shape].reverse()) as [number, number];
    linears.push({
      linear: { name: module, weight: place.parameter, inFeatures, outFeatures, fanInFanOut },
      product,
      weight,
      ...biasOf(product, outFeatures, places, sources, readers),
    });
  }
  return linears;
}

function biasOf(
  product: NodeProto,
  outFeatures: number,
  places: FileParameters['places'],
  sources: (name: string) => string,
  readers: ReadonlyMap<string, NodeProto[]>,
): Pick<FileLinear, 'bias' | 'addition'> {
  const isBias = (name: string) => {
    const shape = places.get(sources(name))?.stored.tensor.shape;
    return shape?.length === 1 && shape[0] === outFeatures;
  };
  const own = product.input[2];
  if (product.opType === 'Gemm') return own !== undefined && isBias(own) ? { bias: sources(own) } : {};
  const next = readers.get(product.output[0] as string) ?? [];
  const [addition] = next;
  if (next.length !== 1 || addition?.opType !== 'Add') return {};
  const other = addition.input.find((name) => name !== product.output[0]);
  return other !== undefined && isBias(other) ? { bias: sources(other), addition } : {};
}

function readersOf(file: OnnxFile): Map<string, NodeProto[]> {
  const readers = new Map<string, NodeProto[]>();
  for (const node of file.graph.node) {
    for (const name of namesRead(node)) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
  }
  // What the file puts out is read by somebody, too.
  for (const { name } of file.graph.output) readers.delete(name);
  return readers;
}

/** Where a value comes from, seen through Identity, Cast and Transpose. */
function sourcesOf(file: OnnxFile): (name: string) => string {
  const makers = new Map(file.graph.node.map((node) => [node.output[0], node]));
  return (name) => {
    let at = name;
    for (;;) {
      const maker = makers.get(at);
      if (maker === undefined || !['Identity', 'Cast', 'Transpose'].includes(maker.opType)) return at;
      at = maker.input[0] as string;
    }
  };
}
