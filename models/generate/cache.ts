/** @file The key/value cache in host memory, so that a run copies as little of it as the file allows. */
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
  /** Tokens that `current` has room for between one row's head and the next. */
  time: number;
}

/**
 * `returned`: a run puts out the whole cache, in memory of its own. `shared`: GroupQueryAttention writes new tokens into
 * the cache that it reads, where both are the same memory. `split`: a run puts out the new tokens alone, which are
 * copied into the cache here.
 */
export type CacheKind = 'returned' | 'shared' | 'split';

/** Tokens that a buffer has room for beyond those it was first needed for. */
const headroom = 64;

/** By how many tokens the room of a split cache grows. */
const roomStep = 32;

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

/** The cache of a batch. */
export class KeyValueCache {
  readonly #states: SlotState[];
  readonly #buffers: CacheBuffers;
  readonly #kind: CacheKind;
  #rows: number;
  /** Tokens of a row in the cache. */
  #length = 0;

  constructor(slots: readonly CacheSlot[], rows: number, buffers: CacheBuffers, kind: CacheKind) {
    this.#states = slots.map((slot) => ({
      slot,
      strides: stridesOf(slot),
      current: slot.dtype === 'float32' ? new Float32Array(0) : new Uint16Array(0),
      time: 0,
    }));
    this.#rows = rows;
    this.#buffers = buffers;
    this.#kind = kind;
  }

  /** What the next run, which adds `tokens` to each row, reads and where it writes. */
  bind(feeds: Record<string, ort.Tensor>, fetches: Record<string, ort.Tensor | null>, tokens: number): void {
    if (this.#kind === 'shared') this.#makeRoom(this.#length + tokens);
    for (const { slot, current, time } of this.#states) {
      feeds[slot.input] = this.#tensor(slot, current, time);
      fetches[slot.output] = this.#kind === 'shared' ? this.#tensor(slot, current, time) : null;
    }
  }

  /** An empty cache, for a run whose own is not kept. */
  bindEmpty(feeds: Record<string, ort.Tensor>): void {
    for (const { slot, current } of this.#states) feeds[slot.input] = this.#tensor(slot, current, 0);
  }

  /** Tokens that a run reads, those that stand for nothing included. */
  get width(): number {
    return this.#kind === 'split' ? this.#states[0]!.time : this.#length;
  }

  /** Takes over what the run has put out: `tokens` more in each row, whose own tokens ended at `starts`. */
  accept(outputs: Readonly<Record<string, ort.Tensor>>, tokens: number, starts: readonly number[]): void {
    if (this.#kind === 'split') {
      this.#makeRoom(Math.max(...starts) + tokens);
      for (const state of this.#states) {
        this.#insert(state, fromOrt(outputs[state.slot.output]!).data as CacheData, tokens, starts);
      }
    }
    this.#length += tokens;
    if (this.#kind !== 'returned') return;
    for (const state of this.#states) {
      const { shape, data } = fromOrt(outputs[state.slot.output]!);
      state.current = data as CacheData;
      state.time = shape[state.slot.dims.indexOf('time')]!;
    }
  }

  /** Keeps some rows, in ascending order, and forgets the first `dropped` tokens of each. Moves memory in place. */
  keep(rows: readonly number[], dropped: number): void {
    for (const state of this.#states) {
      const kept = state.time - dropped;
      this.#move(state, state.current, rows, { skipped: dropped, copied: kept, room: kept });
      state.time = kept;
    }
    this.#rows = rows.length;
    this.#length -= dropped;
  }

  release(): void {
    for (const state of this.#states) this.#giveBack(state);
  }

  /** Room for a number of tokens where rows grow in place, and for some more, so that moving stays rare. */
  #makeRoom(tokens: number): void {
    for (const state of this.#states) {
      if (tokens <= state.time) continue;
      // Attention that is split looks at all the room there is.
      const room =
        this.#kind === 'split'
          ? roomStep * Math.ceil(tokens / roomStep)
          : Math.max(2 * state.time, tokens + headroom);
      const perToken = this.#perToken(state.strides);
      const larger = this.#buffers.take(state.slot.dtype, perToken * room, perToken * headroom);
      const all = Array.from({ length: this.#rows }, (_, row) => row);
      this.#move(state, larger, all, { skipped: 0, copied: Math.min(this.#length, state.time), room });
      this.#giveBack(state);
      state.current = larger;
      state.time = room;
    }
  }

  /** Puts new tokens [outer, rows, middle, tokens, inner] behind each row's own. */
  #insert(
    { current, strides, time }: SlotState,
    added: CacheData,
    tokens: number,
    starts: readonly number[],
  ): void {
    const { outer, middle, inner } = strides;
    const size = tokens * inner;
    let from = 0;
    for (let o = 0; o < outer; o++) {
      for (let row = 0; row < this.#rows; row++) {
        const start = starts[row]!;
        for (let m = 0; m < middle; m++, from += size) {
          const to = (((o * this.#rows + row) * middle + m) * time + start) * inner;
          current.set(added.subarray(from, from + size), to);
        }
      }
    }
  }

  /** Copies some tokens of some rows to where they stand next; forwards only, where source and target are the same. */
  #move(
    { current, strides: { outer, middle, inner }, time }: SlotState,
    target: CacheData,
    rows: readonly number[],
    { skipped, copied, room }: { skipped: number; copied: number; room: number },
  ): void {
    let to = 0;
    for (let o = 0; o < outer; o++) {
      for (const row of rows) {
        for (let m = 0; m < middle; m++) {
          const from = (((o * this.#rows + row) * middle + m) * time + skipped) * inner;
          if (target === current) target.copyWithin(to, from, from + copied * inner);
          else target.set(current.subarray(from, from + copied * inner), to);
          to += room * inner;
        }
      }
    }
  }

  #perToken({ outer, middle, inner }: Strides): number {
    return outer * this.#rows * middle * inner;
  }

  #giveBack(state: SlotState): void {
    if (this.#kind !== 'returned' && state.current.length > 0) {
      this.#buffers.give(state.slot.dtype, state.current);
    }
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
