/** @file What the inputs of an exported model mean: the field goes by their names. */
import { UserError } from '../../../base/errors.js';
import type { Graph, Value } from '../../../onnx/graph.js';
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { ValueInfoProto } from '../../../onnx/onnx_pb.js';
import { cast } from '../../../onnx/operators/index.js';
import {
  allocate,
  type DataType,
  dataOf,
  dtypeOfOnnx,
  type HostTensor,
  sizeOf,
} from '../../../onnx/tensor.js';
import type { NetworkInputs, Sizes } from '../../network.js';
import { headsOf } from './genai.js';

/** Inputs that a network's user feeds, by the names that exporters give them. */
const fedNames = {
  input_ids: 'tokens',
  attention_mask: 'mask',
  position_ids: 'positions',
  token_type_ids: 'segments',
} as const;

export type FedRole = (typeof fedNames)[keyof typeof fedNames];

/** An input of a file that is fed. */
export interface FedInput {
  readonly name: string;
  readonly role: FedRole;
  readonly dtype: DataType;
}

/** The inputs of a file: those that are fed, and those that have one value at given sizes. */
export interface FileInputs {
  readonly fed: readonly FedInput[];
  constants(sizes: Sizes): Map<string, HostTensor>;
}

/** Whole inputs that have no place here, and what to do. */
const refused: readonly [pattern: RegExp, wayOut: string][] = [
  [/^inputs_embeds$/, 'it takes embeddings in place of token ids: export the whole model, with input_ids'],
  [
    /^(encoder_hidden_states|encoder_attention_mask|decoder_input_ids)$/,
    'models of an encoder and a decoder are not trained here',
  ],
  [/^pixel_values|^input_features$/, 'models that look or listen are not trained here'],
  [/^past_(conv|ssm|recurrent)/, 'models with a recurrent state are not trained here'],
];

/**
 * What each input of a file is.
 *
 * @throws UserError for an input whose meaning is not known
 */
export function fileInputs(file: OnnxFile, config: JsonObject): FileInputs {
  const inputs = file.graph.input.filter(({ name }) => !file.weights.has(name));
  const fed: FedInput[] = [];
  const fixed: { name: string; dtype: DataType; value: (sizes: Sizes) => HostTensor }[] = [];
  for (const input of inputs) {
    const { name } = input;
    const dtype = typeOf(file, input);
    if (name in fedNames) fed.push({ name, dtype, role: fedNames[name as keyof typeof fedNames] });
    else if (
      name.startsWith('past_key_values') ||
      /^past_\d+/.test(name) ||
      /^(key|value)_cache/.test(name)
    ) {
      fixed.push({ name, dtype, value: ({ batch }) => zeros(dtype, pastShape(input, batch, config)) });
    } else if (name === 'use_cache_branch') {
      fixed.push({ name, dtype, value: () => ({ ...zeros(dtype, [1]), dtype }) });
    } else if (name === 'num_logits_to_keep' || name === 'logits_to_keep') {
      fixed.push({ name, dtype, value: () => zeros(dtype, []) });
    } else throw refusal(file, name);
  }
  if (!fed.some(({ role }) => role === 'tokens')) {
    throw new UserError(
      `${file.path} has no input input_ids; its inputs are ${inputs.map(({ name }) => name).join(', ')}`,
    );
  }
  return { fed, constants: (sizes) => new Map(fixed.map(({ name, value }) => [name, value(sizes)])) };
}

function refusal(file: OnnxFile, name: string): UserError {
  const reason = refused.find(([pattern]) => pattern.test(name))?.[1];
  const known = [
    ...Object.keys(fedNames),
    'past_key_values.*',
    'use_cache_branch',
    'num_logits_to_keep',
  ].join(', ');
  return new UserError(
    `${file.path} has an input "${name}": ${reason ?? `its meaning is not known; known are ${known}`}`,
  );
}

function typeOf(file: OnnxFile, { name, type }: ValueInfoProto): DataType {
  const number = type?.value.case === 'tensorType' ? type.value.value.elemType : 0;
  const dtype = dtypeOfOnnx(number);
  if (dtype === undefined) throw new UserError(`${file.path}: input "${name}" is of element type ${number}`);
  return dtype;
}

/** [rows, heads, 0, size of a head]: past keys and values have length 0; their other sizes are the model's. */
function pastShape({ type }: ValueInfoProto, batch: number, config: JsonObject): number[] {
  const dims = type?.value.case === 'tensorType' ? (type.value.value.shape?.dim ?? []) : [];
  const { keyHeads, headSize } = headsOf(config);
  const expected = [batch, keyHeads, 0, headSize];
  return dims.map(({ value }, axis) =>
    value.case === 'dimValue' ? Number(value.value) : (expected[axis] ?? 0),
  );
}

function zeros(dtype: DataType, shape: readonly number[]): HostTensor {
  return { shape, data: allocate(dtype, sizeOf(shape)), dtype };
}

/** The value of a fed input, of the type that the file takes; what is not given has the value that transformers gives it. */
export function fedValue(
  graph: Graph,
  { role, dtype }: FedInput,
  inputs: NetworkInputs,
  sizes: Sizes,
): Value {
  return cast(inputs[role] ?? ordinary(graph, role, sizes), dtype);
}

/** Every token real, positions 0, 1, … in every row, one segment. */
function ordinary(graph: Graph, role: FedRole, { batch, length }: Sizes): Value {
  const elements = Array.from({ length: batch * length }, (_, i) =>
    role === 'positions' ? i % length : role === 'mask' ? 1 : 0,
  );
  return graph.constant('int64', [batch, length], dataOf('int64', elements));
}
