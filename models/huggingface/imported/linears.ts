/** @file The linear layers of an exported model: which node multiplies by which weight, and which adds the bias. */
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import type { Linear } from '../../network.js';
import { orderOf, tokenEmbedding } from './architectures.js';
import { moduleOf } from './modules.js';
import { type FileParameters, isConv1d, type Part, shapeOf } from './parameters.js';
import type { Wiring } from './uses.js';

/** A product in the file that is a linear layer, or several with one input, side by side. */
export interface FileLinear {
  readonly product: NodeProto;
  readonly parts: readonly LinearPart[];
  /** The node that adds the bias, where it is not the product itself. */
  readonly addition?: NodeProto;
  /** Weights are packed integers. */
  readonly isQuantized: boolean;
}

export interface LinearPart {
  readonly linear: Linear;
  readonly bias?: Part;
}

const products = new Set(['MatMul', 'Gemm', 'MatMulNBits', 'Attention']);

/** The linear layers of a file, in its order. */
export function fileLinears(
  file: OnnxFile,
  wiring: Wiring,
  { places }: FileParameters,
  config: JsonObject,
): FileLinear[] {
  const linears: FileLinear[] = [];
  for (const product of file.graph.node) {
    if (!products.has(product.opType)) continue;
    const weights = places.get(wiring.sourceOf(product.input[1] ?? ''))?.parts;
    if (weights === undefined || weights.some(({ stored }) => shapeOf(stored).length !== 2)) continue;
    const shapes = weights.map((part) => linearOf(part, product, config));
    const { biases, addition } = biasOf(product, shapes, places, wiring);
    linears.push({
      product,
      parts: shapes.map((linear, i) => {
        const bias = biases?.[i];
        return bias === undefined ? { linear } : { linear, bias };
      }),
      ...(addition === undefined ? {} : { addition }),
      isQuantized: weights.some(({ stored }) => stored.quantized !== undefined),
    });
  }
  return linears;
}

function linearOf({ parameter, stored }: Part, product: NodeProto, config: JsonObject): Linear {
  const { heads } = orderOf(config);
  const owner = parameter.replace(/\.weight$/, '');
  // A tied weight goes by the embedding's name; the layer that multiplies by it is the head.
  const name = tokenEmbedding.test(parameter) ? (moduleOf(product) ?? heads[0] ?? 'lm_head') : owner;
  const fanInFanOut = isConv1d(config, name);
  const shape = shapeOf(stored);
  const [inFeatures, outFeatures] = (fanInFanOut ? shape : [...shape].reverse()) as [number, number];
  return { name, weight: parameter, inFeatures, outFeatures, fanInFanOut };
}

function biasOf(
  product: NodeProto,
  linears: readonly Linear[],
  places: FileParameters['places'],
  wiring: Wiring,
): { biases?: readonly Part[]; addition?: NodeProto } {
  const partsOf = (name: string | undefined): readonly Part[] | undefined => {
    const parts = places.get(wiring.sourceOf(name ?? ''))?.parts;
    const fits =
      parts?.length === linears.length &&
      parts.every(({ stored }, i) => String(shapeOf(stored)) === String(linears[i]?.outFeatures));
    return fits ? parts : undefined;
  };
  if (product.opType === 'Gemm' || product.opType === 'Attention') {
    const biases = partsOf(product.input[2]);
    return biases === undefined ? {} : { biases };
  }
  const output = product.output[0] as string;
  const addition = wiring.onlyReaderOf(output);
  if (addition?.opType !== 'Add') return {};
  const biases = partsOf(addition.input.find((name) => name !== output));
  return biases === undefined ? {} : { biases, addition };
}
