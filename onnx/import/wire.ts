/** @file Walking over a protobuf file field by field, so that gigabytes of weights are stepped over and not read. */
import type { FileHandle } from 'node:fs/promises';

/** One field of a message: where its value stands in the file. */
export interface WireField {
  readonly number: number;
  /** First byte of the field's tag. */
  readonly start: number;
  /** First byte of the value; for what is counted, behind the count. */
  readonly valueStart: number;
  /** Behind the value. */
  readonly end: number;
  /** The value is bytes, a string or a message. */
  readonly isCounted: boolean;
}

/** The bytes are not what protobuf writes, or end too early. */
export class WireError extends Error {
  override readonly name = 'WireError';
  constructor(
    message: string,
    /** A value reaches beyond the end of the file. */
    readonly isTruncated: boolean,
  ) {
    super(message);
  }
}

const windowBytes = 1 << 20;
const longestVarint = 10;

/** Reads a file through a window that moves along with whoever walks over it. */
export class WireFile {
  #window = new Uint8Array(0);
  #start = 0;

  constructor(
    readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** The fields of the message that fills `start` up to `end`. */
  async *fields(start: number, end: number): AsyncGenerator<WireField> {
    let at = start;
    while (at < end) {
      const field = await this.#field(at, end);
      yield field;
      at = field.end;
    }
  }

  /** A copy of some bytes. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    if (end > this.size) throw new WireError(`byte ${end} is behind the end`, true);
    const inWindow = this.#slice(start, end);
    if (inWindow !== undefined) return inWindow.slice();
    const bytes = new Uint8Array(end - start);
    await this.#read(bytes, start);
    return bytes;
  }

  async #field(start: number, end: number): Promise<WireField> {
    await this.#see(start, Math.min(start + 2 * longestVarint, this.size));
    const tag = this.#varint(start);
    const number = Math.floor(tag.value / 8);
    const wireType = tag.value % 8;
    if (number === 0) throw new WireError(`byte ${start} is not the beginning of a field`, false);
    const span = this.#valueSpan(wireType, tag.next);
    if (span.end > end) {
      throw new WireError(
        `the field at byte ${start} reaches to byte ${span.end}, and there are ${end}`,
        span.end > this.size,
      );
    }
    return { number, start, valueStart: span.start, end: span.end, isCounted: wireType === 2 };
  }

  #valueSpan(wireType: number, at: number): { start: number; end: number } {
    switch (wireType) {
      case 0:
        return { start: at, end: this.#varint(at).next };
      case 1:
        return { start: at, end: at + 8 };
      case 2: {
        const { value, next } = this.#varint(at);
        return { start: next, end: next + value };
      }
      case 5:
        return { start: at, end: at + 4 };
      default:
        throw new WireError(`byte ${at - 1} has a wire type ${wireType} that nothing is written in`, false);
    }
  }

  #varint(at: number): { value: number; next: number } {
    let [value, scale] = [0, 1];
    for (let i = 0; i < longestVarint; i++) {
      const byte = this.#window[at + i - this.#start];
      if (byte === undefined) throw new WireError(`the file ends within a number at byte ${at}`, true);
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return { value, next: at + i + 1 };
    }
    throw new WireError(`byte ${at} begins a number of more than ${longestVarint} bytes`, false);
  }

  #slice(start: number, end: number): Uint8Array | undefined {
    const last = this.#start + this.#window.length;
    return start >= this.#start && end <= last
      ? this.#window.subarray(start - this.#start, end - this.#start)
      : undefined;
  }

  async #see(start: number, end: number): Promise<void> {
    if (this.#slice(start, end) !== undefined) return;
    const bytes = new Uint8Array(Math.min(windowBytes, this.size - start));
    await this.#read(bytes, start);
    [this.#window, this.#start] = [bytes, start];
  }

  async #read(into: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.handle.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) throw new WireError(`the file ended at byte ${position + done}`, true);
      done += bytesRead;
    }
  }
}
