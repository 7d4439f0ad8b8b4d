/** @file The key/value cache in host memory: two buffers a slot, which a run reads and writes in turn. */
import type ort from 'onnxruntime-node';
import { fromOrt, toOrt } from '../../onnx/session.js';
import type { CacheSlot } from './signature.js';

type CacheData = Float32Array | Uint16Array; // halves as their bits

/** A slot's shape as [outer, rows, middle, tokens, inner]: what is copied when rows or tokens are dropped. */
interface Strides {
  readonly outer: number;
  readonly middle: number;
  readonly inner: number;
}

interface SlotState {
  readonly slot: CacheSlot;
  readonly strides: Strides;
  /** What the last run wrote: [outer, rows, middle, time, inner]. */
  current: CacheData;
  time: number;
}

/** Tokens that a buffer has room for beyond those it was first needed for. */
const headroom = 64;

/** Buffers outlive batches: memory that was touched once is not asked of the system again. */
export class CacheBuffers {
  readonly #spare = new Map<string, CacheData[]>();

  /** A buffer with room for `size` elements, and some more when a new one is made. */
  take(dtype: CacheSlot['dtype'], size: number, growth: number): CacheData {
    const spare = this.#spare.get(dtype) ?? [];
    const index = spare.findIndex((data) => data.length >= size);
    const found = index < 0 ? undefined : spare.splice(index, 1)[0];
    if (found !== undefined) return found;
    // One that is too small has served its time: batches come with the longest first.
    spare.shift();
    return dtype === 'float32' ? new Float32Array(size + growth) : new Uint16Array(size + growth);
  }

  give(dtype: CacheSlot['dtype'], data: CacheData): void {
    this.#spare.set(dtype, [...(this.#spare.get(dtype) ?? []), data]);
  }
}

/**
 * The cache of a batch. Each run copies it whole, since exported files concatenate; it does so straight into the
 * buffer that the run after reads, so that nothing is copied twice.
 */
export class KeyValueCache {
  readonly #states: SlotState[];
  readonly #buffers: CacheBuffers;
  readonly #dynamic: boolean;
  #rows: number;
  /** The buffers that the run under way writes. */
  #written: CacheData[] = [];

  /** @param dynamic the file decides how many tokens it keeps (sliding windows), so it makes its own buffers */
  constructor(slots: readonly CacheSlot[], rows: number, buffers: CacheBuffers, dynamic: boolean) {
    this.#states = slots.map((slot) => ({
      slot,
      strides: stridesOf(slot),
      current: slot.dtype === 'float32' ? new Float32Array(0) : new Uint16Array(0),
      time: 0,
    }));
    this.#rows = rows;
    this.#buffers = buffers;
    this.#dynamic = dynamic;
  }

  /** What the next run reads. */
  addFeeds(feeds: Record<string, ort.Tensor>): void {
    for (const { slot, current, time } of this.#states) feeds[slot.input] = this.#tensor(slot, current, time);
  }

  /** Where the next run, which adds `tokens` to each row, writes. */
  addFetches(fetches: Record<string, ort.Tensor | null>, tokens: number): void {
    this.#written = [];
    for (const { slot, strides, time } of this.#states) {
      if (this.#dynamic) {
        fetches[slot.output] = null;
        continue;
      }
      const perToken = strides.outer * this.#rows * strides.middle * strides.inner;
      const size = perToken * (time + tokens);
      const buffer = this.#buffers.take(slot.dtype, size, perToken * headroom);
      this.#written.push(buffer);
      fetches[slot.output] = this.#tensor(slot, buffer.subarray(0, size), time + tokens);
    }
  }

  /** Takes over what the run has put out. */
  accept(outputs: Readonly<Record<string, ort.Tensor>>, tokens: number): void {
    this.#states.forEach((state, i) => {
      if (this.#dynamic) {
        const { shape, data } = fromOrt(outputs[state.slot.output]!);
        state.current = data as CacheData;
        state.time = shape[state.slot.dims.indexOf('time')]!;
        return;
      }
      this.#giveBack(state);
      state.current = this.#written[i]!;
      state.time += tokens;
    });
    this.#written = [];
  }

  /** Keeps some rows, in ascending order, and forgets the first `dropped` tokens of each. Moves memory in place. */
  keep(rows: readonly number[], dropped: number): void {
    for (const state of this.#states) {
      const { outer, middle, inner } = state.strides;
      const before = state.time * inner;
      const after = (state.time - dropped) * inner;
      let to = 0;
      for (let o = 0; o < outer; o++) {
        for (const row of rows) {
          const from = (o * this.#rows + row) * middle * before;
          if (dropped === 0) {
            state.current.copyWithin(to, from, from + middle * before);
            to += middle * before;
            continue;
          }
          for (let m = 0; m < middle; m++) {
            state.current.copyWithin(to, from + (m + 1) * before - after, from + (m + 1) * before);
            to += after;
          }
        }
      }
      state.time -= dropped;
    }
    this.#rows = rows.length;
  }

  release(): void {
    for (const state of this.#states) this.#giveBack(state);
  }

  #giveBack(state: SlotState): void {
    if (!this.#dynamic && state.current.length > 0) this.#buffers.give(state.slot.dtype, state.current);
  }

  #tensor({ dims, dtype }: CacheSlot, data: CacheData, time: number): ort.Tensor {
    const shape = dims.map((dim) => (dim === 'batch' ? this.#rows : dim === 'time' ? time : dim));
    const size = shape.reduce((product, dim) => product * dim, 1);
    return toOrt({ shape, data: data.subarray(0, size), dtype });
  }
}

function stridesOf({ dims }: CacheSlot): Strides {
  const [batch, time] = [dims.indexOf('batch'), dims.indexOf('time')];
  const product = (part: CacheSlot['dims']): number =>
    part.reduce<number>((size, dim) => size * (dim as number), 1);
  return {
    outer: product(dims.slice(0, batch)),
    middle: product(dims.slice(batch + 1, time)),
    inner: product(dims.slice(time + 1)),
  };
}
