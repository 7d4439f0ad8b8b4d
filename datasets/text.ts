/** @file UTF-8 text from a file in blocks of whole lines, with the line of the first byte that is not UTF-8. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { UserError } from '../base/errors.js';

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
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
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
