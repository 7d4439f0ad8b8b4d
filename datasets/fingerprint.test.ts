import { mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { sha256 } from '../base/json.js';
import { fingerprint } from './fingerprint.js';

let folder: string;
let cache: string;
let data: string;
const digest = async (): Promise<string | undefined> => (await fingerprint([data], cache))[data];
/** Makes the cache say something else about the file, so that one sees whether it is asked. */
const tamper = async (): Promise<void> =>
  writeFile(cache, (await readFile(cache, 'utf8')).replace(/[0-9a-f]{64}/, 'f'.repeat(64)));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-fingerprint-'));
  [cache, data] = [join(folder, 'kept', 'fingerprints.json'), join(folder, 'data.csv')];
  await writeFile(data, 'text,label\na,0\n');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the fingerprint of a file', () => {
  it('is the sha256 of its bytes', async () => {
    expect(await digest()).toBe(sha256('text,label\na,0\n'));
  });

  it('is remembered: a file as it was is not read again', async () => {
    await digest();
    await tamper();
    expect(await digest()).toBe('f'.repeat(64));
  });

  it('is taken anew when the file was edited, even to the same size', async () => {
    await digest();
    await writeFile(data, 'text,label\na,1\n');
    expect(await digest()).toBe(sha256('text,label\na,1\n'));
  });

  it('is taken anew when the modification time was set back after an edit', async () => {
    const { atime, mtime } = await stat(data);
    await digest();
    await writeFile(data, 'text,label\nb,0\n');
    await utimes(data, atime, mtime);
    expect(await digest()).toBe(sha256('text,label\nb,0\n'));
  });

  it('is taken anew when another file was put in its place', async () => {
    await digest();
    await writeFile(`${data}.new`, 'text,label\nc,0\n');
    await rename(`${data}.new`, data);
    expect(await digest()).toBe(sha256('text,label\nc,0\n'));
  });

  it.each(['', 'not JSON', '{"a": 1}', '[]'])('is taken anew when the cache is %j', async (text) => {
    await digest();
    await writeFile(cache, text);
    expect(await digest()).toBe(sha256('text,label\na,0\n'));
  });

  it('of several files: each its own, and others stay remembered', async () => {
    const other = join(folder, 'other.csv');
    await writeFile(other, 'b');
    await digest();
    expect(await fingerprint([other], cache)).toEqual({ [other]: sha256('b') });
    await tamper();
    expect(await digest()).toBe('f'.repeat(64));
  });

  it('names the file that cannot be read', async () => {
    const missing = join(folder, 'missing.csv');
    await expect(fingerprint([data, missing], cache)).rejects.toThrow(UserError);
    await expect(fingerprint([missing], cache)).rejects.toThrow(`${missing} cannot be read`);
    await expect(fingerprint([folder], cache)).rejects.toThrow(`${folder} cannot be read`);
  });

  it('of nothing leaves nothing', async () => {
    expect(await fingerprint([], cache)).toEqual({});
    await expect(stat(cache)).rejects.toThrow('ENOENT');
  });
});
