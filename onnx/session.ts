/** @file Sessions kept warm: one per model and device, shared by everyone who asks for the same. */
import './no-telemetry.js';
import ort, { type InferenceSession } from 'onnxruntime-node';
import { sha256, canonicalJson } from '../base/json.js';
import { type Device, sessionOptions } from './device.js';
import { type DataType, dtypeOf, type HostTensor, typeOfTensor } from './tensor.js';

/** How many sessions that nobody uses stay open, and how much memory they may keep: their arenas do not shrink. */
const warm = { sessions: 8, bytes: 2 ** 30 };
/** Weights in files beyond this are used as they lie there, not packed for the processor, which would copy them. */
const packedBytes = 64 * 2 ** 20;

/** ONNX Runtime writes nothing but what ends the process: its errors are thrown, too, and say the same. */
const thrownAnyway = 4 as const;

/** What is known about a model beside its bytes. */
export interface SessionHints {
  /** The folder of the files that hold tensors which are not in the model. */
  readonly folder?: string | undefined;
  /** Bytes in those files. Default 0. */
  readonly storedBytes?: number;
  /** Those among them that are packed integers: few, and products with them are slow unless they are packed again. */
  readonly integerBytes?: number;
  /** About how many bytes a run needs at once. Default 0: few. */
  readonly workingBytes?: number;
  /** Outputs that stay on the device, as tensors that can be fed again; all others are copied to the host. */
  readonly resident?: readonly string[];
}

interface Entry {
  readonly key: string;
  readonly session: Promise<InferenceSession>;
  readonly bytes: number;
  users: number;
}

// In order of last use: the first is the next to go.
const entries = new Map<string, Entry>();

/** A session in use; give it back with `release`, which keeps it warm for the next who asks. */
export interface SessionLease {
  readonly session: InferenceSession;
  readonly release: () => Promise<void>;
}

/**
 * The session of a model on a device: a warm one if there is one, since creating one takes up to a second
 * and two hundred fine-tunings of one architecture want the same.
 */
export async function openSession(
  model: Uint8Array,
  device: Device,
  hints: SessionHints = {},
): Promise<SessionLease> {
  const options = {
    ...sessionOptions(device),
    ...optionsFor(hints),
    logSeverityLevel: thrownAnyway,
  } as const;
  const key = `${sha256(model)} ${canonicalJson(options)}`;
  const entry = entries.get(key) ?? {
    key,
    session: ort.InferenceSession.create(model, options),
    bytes: model.byteLength + (hints.workingBytes ?? 0) + (hints.storedBytes ?? 0),
    users: 0,
  };
  entry.users++;
  touch(entry);
  try {
    return { session: await entry.session, release: once(() => giveBack(entry)) };
  } catch (error) {
    entries.delete(key);
    throw error;
  }
}

function optionsFor({
  folder,
  storedBytes = 0,
  integerBytes = 0,
  resident = [],
}: SessionHints): InferenceSession.SessionOptions {
  const locations = Object.fromEntries(resident.map((output) => [output, 'gpu-buffer' as const]));
  return {
    ...(resident.length > 0 ? { preferredOutputLocation: locations } : {}),
    ...(folder === undefined ? {} : mappedFrom(folder, storedBytes - integerBytes)),
  };
}

function mappedFrom(folder: string, floatBytes: number): InferenceSession.SessionOptions {
  return {
    extra: {
      session: {
        model_external_initializers_file_folder_path: folder,
        ...(floatBytes > packedBytes ? { disable_prepacking: '1' } : {}),
      },
    },
  };
}

/** Closes every session that nobody uses. */
export async function closeSessions(): Promise<void> {
  await closeIdle({ sessions: 0, bytes: 0 });
}

/** How many sessions are open, in use or warm. */
export function openSessionCount(): number {
  return entries.size;
}

function touch(entry: Entry): void {
  entries.delete(entry.key);
  entries.set(entry.key, entry);
}

async function giveBack(entry: Entry): Promise<void> {
  entry.users--;
  touch(entry);
  await closeIdle(warm);
}

/** Closes sessions that nobody uses, those first that were not used for longest, until no more are open than may be. */
async function closeIdle(most: { sessions: number; bytes: number }): Promise<void> {
  const idle = [...entries.values()].filter((entry) => entry.users === 0);
  let bytes = idle.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const [index, entry] of idle.entries()) {
    if (idle.length - index <= most.sessions && bytes <= most.bytes) return;
    bytes -= entry.bytes;
    entries.delete(entry.key);
    await (await entry.session).release();
  }
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await action();
  };
}

/** A host tensor as ONNX Runtime takes it: the same memory, not a copy. */
export function toOrt(tensor: HostTensor): ort.Tensor {
  return new ort.Tensor(typeOfTensor(tensor) as ort.Tensor.Type, tensor.data as never, tensor.shape);
}

/** What a session put out, as a host tensor over the same memory. */
export function fromOrt(tensor: ort.Tensor): HostTensor {
  const data = wordsOf(tensor.data as HostTensor['data']);
  const dtype = tensor.type as DataType;
  return dtypeOf(data) === dtype ? { shape: tensor.dims, data } : { shape: tensor.dims, data, dtype };
}

/** Where JavaScript has an array for floats of 16 bits, ONNX Runtime gives one: its bits are taken. */
function wordsOf(data: HostTensor['data']): HostTensor['data'] {
  if (Object.prototype.toString.call(data) !== '[object Float16Array]') return data;
  const { buffer, byteOffset, length } = data as ArrayBufferView & { length: number };
  return new Uint16Array(buffer as ArrayBuffer, byteOffset, length);
}
