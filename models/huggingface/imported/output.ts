/** @file What an exported model puts out, and where a language model's head begins. */
import { UserError } from '../../../base/errors.js';
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { NodeProto, ValueInfoProto } from '../../../onnx/onnx_pb.js';
import type { NetworkOutputs } from '../../network.js';
import type { FileLinear } from './linears.js';

export interface FileOutput {
  readonly kind: NetworkOutputs['kind'];
  /** Name of the value in the file. */
  readonly name: string;
  /** Where the head of a language model begins. */
  readonly head?: FileHead;
}

export interface FileHead {
  readonly linear: FileLinear;
  /** Name of the value that the head reads: after the final norm. */
  readonly hidden: string;
  /** From the head's product to the logits. */
  readonly nodes: readonly NodeProto[];
}

/** What a row of logits may go through behind the product, each row by itself. */
const rowWise = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Tanh',
  'Cast',
  'Identity',
  'Reshape',
  'Clip',
  'Min',
  'Max',
]);

/** The file's output that a network puts out. */
export function fileOutput(file: OnnxFile, linears: readonly FileLinear[], config: JsonObject): FileOutput {
  const output = mainOutput(file);
  const { name } = output;
  const rank = rankOf(output);
  if (name === 'last_hidden_state' || name === 'token_embeddings') return { kind: 'features', name };
  if (rank === 2 || /ForSequenceClassification$/.test(architectureOf(config)))
    return { kind: 'classification', name };
  const head = fileHead(file, name, linears);
  return head === undefined ? { kind: 'features', name } : { kind: 'language', name, head };
}

function architectureOf(config: JsonObject): string {
  const names = config['architectures'];
  const first = Array.isArray(names) ? names[0] : undefined;
  return typeof first === 'string' ? first : '';
}

/** What a file puts out that training is about: logits, or features; not keys and values. */
export function mainOutput(file: OnnxFile): ValueInfoProto {
  const outputs = file.graph.output.filter(({ name }) => !/^present|key_values|_cache/.test(name));
  const named = ['logits', 'last_hidden_state', 'token_embeddings']
    .map((name) => outputs.find((output) => output.name === name))
    .find((output) => output !== undefined);
  const main = named ?? outputs[0];
  if (main === undefined) {
    const names = file.graph.output.map(({ name }) => name).join(', ');
    throw new UserError(
      `${file.path} puts out ${names === '' ? 'nothing' : names}: expected logits or last_hidden_state`,
    );
  }
  return main;
}

function rankOf({ type }: ValueInfoProto): number | undefined {
  return type?.value.case === 'tensorType' ? type.value.value.shape?.dim.length : undefined;
}

/** Backwards from the logits to the product with the head's weight; undefined: there is none on the way. */
function fileHead(file: OnnxFile, output: string, linears: readonly FileLinear[]): FileHead | undefined {
  const makers = new Map(file.graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const products = new Map(linears.map((linear) => [linear.product, linear]));
  const nodes: NodeProto[] = [];
  let name = output;
  for (;;) {
    const node = makers.get(name);
    if (node === undefined) return undefined;
    nodes.unshift(node);
    const linear = products.get(node);
    if (linear !== undefined) {
      return { linear, hidden: node.input[0] as string, nodes };
    }
    if (!rowWise.has(node.opType)) return undefined;
    const next = node.input.find((input) => makers.has(input) && makers.get(input)?.opType !== 'Constant');
    if (next === undefined) return undefined;
    name = next;
  }
}
