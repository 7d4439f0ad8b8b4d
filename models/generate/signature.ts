/** @file What an exported decoder reads and puts out, as far as generation has to know: told from names and shapes. */
import type { InferenceSession } from 'onnxruntime-node';
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';

/** One tensor of the key/value cache. */
export interface CacheSlot {
  readonly input: string;
  readonly output: string;
  readonly dtype: 'float32' | 'float16';
  /** Its shape: sizes, and where rows and tokens are counted. Rows come before tokens. */
  readonly dims: readonly (number | 'batch' | 'time')[];
}

export interface DecoderSignature {
  readonly tokens: IntegerInput;
  readonly mask?: IntegerInput;
  readonly positions?: IntegerInput;
  /** `token_type_ids`: fed with 0. */
  readonly segments?: IntegerInput;
  /** Merged decoders: whether the cache is to be read. */
  readonly cacheBranch?: string;
  /** Number of last positions whose logits are wanted; 0: all. */
  readonly keptLogits?: IntegerInput;
  readonly logits: string;
  /** Empty: everything is computed again for each token. */
  readonly cache: readonly CacheSlot[];
  /** The number of rows that the file was exported for, if it takes no other. */
  readonly fixedBatch?: number;
  /** The number of tokens of a run that the file was exported for, if it takes no other. */
  readonly fixedLength?: number;
  /** V */
  readonly vocabulary: number;
}

export interface IntegerInput {
  readonly name: string;
  readonly dtype: 'int64' | 'int32';
}

type Metadata = InferenceSession.TensorValueMetadata;

/**
 * Reads the signature of a decoder.
 *
 * @throws UserError for a file that is no decoder (naming the input or output that says so)
 */
export function readSignature(session: InferenceSession, path: string, config: JsonObject): DecoderSignature {
  const inputs = tensorsOf(session.inputMetadata);
  const outputs = tensorsOf(session.outputMetadata);
  const integer = (name: string): IntegerInput | undefined => {
    const found = inputs.get(name);
    if (found === undefined) return undefined;
    if (found.type === 'int64' || found.type === 'int32') return { name, dtype: found.type };
    throw new UserError(`${path}: the input ${name} is ${found.type}; expected int64`);
  };
  const tokens = integer('input_ids');
  if (tokens === undefined) throw notADecoder(path, `it has no input named input_ids, but ${listed(inputs)}`);
  const logits = outputs.get('logits');
  if (logits === undefined || logits.shape.length !== 3) {
    throw notADecoder(
      path,
      logits === undefined
        ? `it has no output named logits, but ${listed(outputs)}`
        : `its logits are [${logits.shape.join(', ')}]; a language model's are [batch, tokens, vocabulary]`,
    );
  }
  const cache = cacheSlots(inputs, outputs, path, config);
  const cacheBranch = inputs.has('use_cache_branch') ? 'use_cache_branch' : undefined;
  const signature = {
    tokens,
    mask: integer('attention_mask'),
    positions: integer('position_ids'),
    segments: integer('token_type_ids'),
    cacheBranch,
    keptLogits: integer('num_logits_to_keep'),
    logits: 'logits',
    cache,
    ...fixedSizes(inputs.get('input_ids')!),
    vocabulary: vocabularyOf(logits, config, path),
  };
  const understood = new Set([
    ...[tokens, signature.mask, signature.positions, signature.segments, signature.keptLogits].map(
      (input) => input?.name,
    ),
    cacheBranch,
    ...cache.map(({ input }) => input),
  ]);
  const unknown = [...inputs.keys()].filter((name) => !understood.has(name));
  if (unknown.length > 0) {
    throw notADecoder(path, `nothing is known to feed to its inputs ${unknown.join(', ')}`);
  }
  return signature;
}

function cacheSlots(
  inputs: ReadonlyMap<string, Metadata>,
  outputs: ReadonlyMap<string, Metadata>,
  path: string,
  config: JsonObject,
): CacheSlot[] {
  return [...inputs.values()]
    .filter(({ name }) => /^past(_key_values)?[._]/.test(name))
    .map((metadata) => {
      const { name, type, shape } = metadata;
      const output = name.replace(/^past(_key_values)?/, 'present');
      if (!outputs.has(output)) {
        throw notADecoder(path, `it reads ${name} and puts out no ${output} to go with it`);
      }
      if (type !== 'float32' && type !== 'float16') {
        throw notADecoder(path, `its cache ${name} is ${type}; expected float32 or float16`);
      }
      const dims = shape.map((dim, axis) => cacheDim(dim, axis, shape.length, config));
      if (dims.includes(undefined) || dims.indexOf('batch') !== dims.lastIndexOf('batch')) {
        throw notADecoder(path, `the shape of its cache ${name} is not understood: [${shape.join(', ')}]`);
      }
      const [batch, time] = [dims.indexOf('batch'), dims.indexOf('time')];
      if (batch < 0 || time < batch) {
        throw notADecoder(
          path,
          `its cache ${name}, [${shape.join(', ')}], is no cache of keys and values by row and token`,
        );
      }
      return { input: name, output, dtype: type, dims: dims as CacheSlot['dims'] };
    });
}

/** What an axis of a cache counts; [batch, heads, time, size] where its names do not say. */
export function cacheDim(
  dim: number | string,
  axis: number,
  rank: number,
  config: JsonObject,
): CacheSlot['dims'][number] | undefined {
  if (/past|seq|time|len/i.test(String(dim))) return 'time';
  if (/^batch(_size)?$/i.test(String(dim))) return 'batch';
  if (rank === 4 && axis === 0) return 'batch';
  if (typeof dim === 'number') return dim;
  if (rank !== 4) return undefined;
  if (axis === 2) return 'time';
  const number = (field: string): number | undefined =>
    typeof config[field] === 'number' ? config[field] : undefined;
  const heads = number('num_attention_heads') ?? number('n_head');
  if (axis === 1) return number('num_key_value_heads') ?? heads;
  const width = number('hidden_size') ?? number('n_embd');
  return number('head_dim') ?? (width === undefined || heads === undefined ? undefined : width / heads);
}

function fixedSizes({ shape }: Metadata): Pick<DecoderSignature, 'fixedBatch' | 'fixedLength'> {
  const [batch, length] = shape;
  return {
    fixedBatch: typeof batch === 'number' ? batch : undefined,
    fixedLength: typeof length === 'number' ? length : undefined,
  };
}

function vocabularyOf({ shape }: Metadata, config: JsonObject, path: string): number {
  const size = shape[2];
  if (typeof size === 'number') return size;
  if (typeof config['vocab_size'] === 'number') return config['vocab_size'];
  throw new UserError(
    `${path}: the number of logits is open ("${size}"), and config.json has no vocab_size to tell it`,
  );
}

function tensorsOf(metadata: readonly InferenceSession.ValueMetadata[]): Map<string, Metadata> {
  return new Map(metadata.flatMap((value) => (value.isTensor ? [[value.name, value]] : [])));
}

function notADecoder(path: string, why: string): UserError {
  return new UserError(
    `${path} cannot generate: ${why}. Export the language model with its cache, for instance ` +
      'optimum-cli export onnx --model MODEL --task text-generation-with-past FOLDER',
  );
}

function listed(values: ReadonlyMap<string, Metadata>): string {
  return [...values.keys()].slice(0, 8).join(', ');
}
