/** @file Sessions kept warm: one per model and device, shared by everyone who asks for the same. */
import './no-telemetry.js';
import ort, { type InferenceSession } from 'onnxruntime-node';
import { sha256, canonicalJson } from '../base/json.js';
import { type Device, sessionOptions } from './device.js';
import { type DataType, dtypeOf, type HostTensor, typeOfTensor } from './tensor.js';

/** How many sessions that nobody uses stay open. */
const warmSessions = 8;

interface Entry {
  readonly key: string;
  readonly session: Promise<InferenceSession>;
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
export async function openSession(model: Uint8Array, device: Device): Promise<SessionLease> {
  const options = sessionOptions(device);
  const key = `${sha256(model)} ${canonicalJson(options)}`;
  const entry = entries.get(key) ?? { key, session: ort.InferenceSession.create(model, options), users: 0 };
  entry.users++;
  touch(entry);
  try {
    return { session: await entry.session, release: once(() => giveBack(entry)) };
  } catch (error) {
    entries.delete(key);
    throw error;
  }
}

/** Closes every session that nobody uses. */
export async function closeSessions(): Promise<void> {
  await closeIdle(0);
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
  await closeIdle(warmSessions);
}

async function closeIdle(keep: number): Promise<void> {
  const idle = [...entries.values()].filter((entry) => entry.users === 0);
  for (const entry of idle.slice(0, Math.max(0, idle.length - keep))) {
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
