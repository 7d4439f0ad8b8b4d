/** @file A model's own ONNX file, run as it is, with batches of any size: logits of tokens or of classes. */
import '../../onnx/no-telemetry.js';
import ort, { type InferenceSession } from 'onnxruntime-node';
import { messageOf, UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { type Device, sessionOptions } from '../../onnx/device.js';
import { fromFloat16 } from '../../onnx/half.js';
import { fromOrt } from '../../onnx/session.js';
import type { PaddedRows } from '../data/collate.js';
import { cacheDim } from '../generate/signature.js';
import type { ModelFolder } from './folder.js';

export interface Logits {
  /** [rows, length, vocabulary] or [rows, classes] */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type TensorMetadata = InferenceSession.TensorValueMetadata;

/** Fills an input of the file by its name, as transformers' exporters name them. */
type Fill = (rows: PaddedRows, metadata: TensorMetadata, config: JsonObject) => ort.Tensor;

const fills: Readonly<Record<string, Fill>> = {
  input_ids: ({ tokens, ...sizes }, metadata) => integers(tokens, sizes, metadata),
  attention_mask: ({ mask, ...sizes }, metadata) => integers(mask, sizes, metadata),
  position_ids: ({ positions, ...sizes }, metadata) => integers(positions, sizes, metadata),
  token_type_ids: ({ segments, ...sizes }, metadata) => integers(segments, sizes, metadata),
  // Merged decoders: take the branch without a cache.
  use_cache_branch: () => new ort.Tensor('bool', Uint8Array.of(0), [1]),
  // 0 stands for all.
  num_logits_to_keep: () => new ort.Tensor('int64', BigInt64Array.of(0n), []),
  logits_to_keep: () => new ort.Tensor('int64', BigInt64Array.of(0n), []),
};

export class OriginalModel {
  /** `language`: logits for every token; `classification`: for every row. */
  readonly kind: 'language' | 'classification';
  /** Token ids that logits are for, or classes. */
  readonly outputs: number;
  readonly readsMask: boolean;
  readonly #session: InferenceSession;
  readonly #inputs: readonly { metadata: TensorMetadata; fill: Fill }[];
  readonly #output: string;
  readonly #config: JsonObject;

  private constructor(session: InferenceSession, { onnxPath: path, config }: ModelFolder) {
    this.#session = session;
    this.#config = config;
    this.#inputs = session.inputMetadata.map((metadata) => {
      if (metadata.isTensor) {
        const fill = metadata.name.startsWith('past_key_values.') ? emptyPast : fills[metadata.name];
        if (fill !== undefined) return { metadata, fill };
      }
      throw new UserError(
        `${path} has an input "${metadata.name}", which is not known: expected ${Object.keys(fills).join(', ')}, past_key_values.*`,
      );
    });
    const output = session.outputMetadata.find(({ name }) => name === 'logits');
    if (output === undefined || !output.isTensor) {
      throw new UserError(
        `${path} has no output "logits" (it has ${session.outputNames.join(', ')}): it is a model without a head. ` +
          'Put one on by training: temper finetune MODEL --head classification --classes N',
      );
    }
    this.#output = output.name;
    this.kind = output.shape.length === 3 ? 'language' : 'classification';
    const last = output.shape.at(-1);
    const outputs =
      typeof last === 'number' ? last : this.kind === 'language' ? config['vocab_size'] : undefined;
    if (typeof outputs !== 'number' || outputs < 1) {
      throw new UserError(`${path}: the last axis of "logits" has no fixed size; export the model again`);
    }
    this.outputs = outputs;
    this.readsMask = session.inputNames.includes('attention_mask');
  }

  /** @throws UserError for a file that ONNX Runtime cannot open */
  static async open(model: ModelFolder, device: Device): Promise<OriginalModel> {
    const session = await opened(model.onnxPath, device);
    try {
      return new OriginalModel(session, model);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  async run(rows: PaddedRows): Promise<Logits> {
    const feeds = Object.fromEntries(
      this.#inputs.map(({ metadata, fill }) => [metadata.name, fill(rows, metadata, this.#config)]),
    );
    const results = await this.#session.run(feeds, [this.#output]);
    const { shape, data } = fromOrt(results[this.#output] as ort.Tensor);
    const floats = data instanceof Uint16Array ? fromFloat16(data) : Float32Array.from(data as Float32Array);
    return { shape, data: data instanceof Float32Array ? data : floats };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

async function opened(path: string, device: Device): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, sessionOptions(device));
  } catch (error) {
    throw new UserError(
      `${path} cannot be opened: ${messageOf(error)}. Where it is cut off or its external data are missing, copy or export it again.`,
      { cause: error },
    );
  }
}

function integers(
  values: BigInt64Array,
  { rows, length }: { rows: number; length: number },
  { type }: TensorMetadata,
): ort.Tensor {
  if (type === 'int64') return new ort.Tensor('int64', values, [rows, length]);
  return new ort.Tensor('int32', Int32Array.from(values, Number), [rows, length]);
}

/** A cache of no tokens: [rows, heads, 0, width]. */
function emptyPast({ rows }: PaddedRows, { type, shape }: TensorMetadata, config: JsonObject): ort.Tensor {
  const dims = shape.map((size, axis) => {
    const dim = cacheDim(size, axis, shape.length, config);
    return dim === 'batch' ? rows : typeof dim === 'number' ? dim : 0;
  });
  const data = type === 'float16' ? new Uint16Array() : new Float32Array();
  return new ort.Tensor(type as 'float32', data as Float32Array, dims);
}
