/** @file UTF-8 text from a file, packed or not, in blocks of whole lines; an error names the line that is not UTF-8. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../base/errors.js';

const newline = 10;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Blocks of text that each end with a line feed, the last perhaps not; a byte order mark is left out. */
export async function* textBlocks(path: string): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let line = 1;
  const decode = (bytes: Buffer) => {
    const text = line === 1 && bytes.subarray(0, 3).equals(byteOrderMark) ? bytes.subarray(3) : bytes;
    if (!isUtf8(text)) throw notUtf8(path, text, line);
    for (const byte of bytes) if (byte === newline) line++;
    return text.toString('utf8');
  };
  for await (const chunk of await bytesOf(path)) {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end === 0) {
      pending.push(chunk);
      continue;
    }
    yield decode(Buffer.concat([...pending, chunk.subarray(0, end)]));
    pending = [chunk.subarray(end)];
  }
  const rest = Buffer.concat(pending);
  if (rest.length > 0) yield decode(rest);
}

/** The bytes of a file, unpacked where it begins as gzip does: a file may be stored under a name without extension. */
async function bytesOf(path: string): Promise<AsyncIterable<Buffer>> {
  const file = await open(path);
  const start = Buffer.alloc(2);
  try {
    await file.read(start, 0, 2, 0);
  } finally {
    await file.close();
  }
  const bytes = createReadStream(path);
  return start[0] === 0x1f && start[1] === 0x8b ? unpacked(path, bytes) : bytes;
}

async function* unpacked(path: string, bytes: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  bytes.on('error', (error: Error) => gunzip.destroy(error)).pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw new UserError(
      `${path} begins like a gzip file and cannot be unpacked (${messageOf(error)}). Download or pack it again.`,
      { cause: error },
    );
  }
}

function notUtf8(path: string, block: Buffer, firstLine: number): UserError {
  let line = firstLine;
  let start = 0;
  for (;;) {
    const end = block.indexOf(newline, start) + 1 || block.length;
    const bytes = block.subarray(start, end);
    if (!isUtf8(bytes)) {
      const shown = bytes.toString('latin1').trim().slice(0, 60);
      return new UserError(
        `${path}, line ${line}: this is not UTF-8 (read as Latin-1 it says "${shown}"). ` +
          `Convert the file first, for example: iconv -f WINDOWS-1252 -t UTF-8 old > new`,
      );
    }
    start = end;
    line++;
  }
}
