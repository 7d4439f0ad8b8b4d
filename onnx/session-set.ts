/** @file The sessions of one training: those used last stay open, as long as memory allows. */
import type { InferenceSession } from 'onnxruntime-node';
import { type Device, deviceEntry } from './device.js';
import type { TrainingProgram } from './program.js';
import { openSession, type SessionLease } from './session.js';

/**
 * Sessions keep the memory that they have used, and each has a view of its own of the weights in files: of programs of
 * many sizes only some stay open.
 */
const atOnce = { sessions: 16, bytes: 2 ** 32 };

interface Open {
  readonly lease: SessionLease;
  readonly bytes: number;
}

/** Sessions by program; opening one may close those that were not used for longest. */
export class SessionSet {
  readonly #device: Device;
  // In order of last use.
  readonly #open = new Map<string, Open>();

  constructor(device: Device) {
    this.#device = device;
  }

  async open(program: TrainingProgram): Promise<{ readonly session: InferenceSession }> {
    const { id, model, folder, storedBytes, integerBytes, workingBytes, state } = program;
    let open = this.#open.get(id);
    this.#open.delete(id);
    if (open === undefined) {
      const bytes = model.byteLength + workingBytes + storedBytes;
      await this.#makeRoom(bytes);
      const resident = deviceEntry(this.#device).training === 'resident' ? state : [];
      const hints = { folder, storedBytes, integerBytes, workingBytes, resident };
      open = { lease: await openSession(model, this.#device, hints), bytes };
    }
    this.#open.set(id, open);
    return open.lease;
  }

  async release(): Promise<void> {
    for (const { lease } of this.#open.values()) await lease.release();
    this.#open.clear();
  }

  async #makeRoom(bytes: number): Promise<void> {
    let sum = bytes;
    for (const open of this.#open.values()) sum += open.bytes;
    for (const [id, { lease, bytes: freed }] of this.#open) {
      if (this.#open.size < atOnce.sessions && sum <= atOnce.bytes) return;
      this.#open.delete(id);
      sum -= freed;
      await lease.release();
    }
  }
}
