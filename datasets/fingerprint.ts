/** @file The sha256 of a user's file, read once and then known by its size, times and inode. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { codeOf, messageOf, UserError } from '../base/errors.js';

const knownSchema = z.record(z.string(), z.object({ identity: z.string(), sha256: z.string() }));
type Known = z.infer<typeof knownSchema>;

/**
 * The content digests of `paths` (absolute). A file whose size, modification and change time and inode are those
 * of the last look is not read again; what is known is kept in `cache`, a file that can be deleted at any time.
 * @throws UserError naming a file that cannot be read
 */
export async function fingerprint(paths: readonly string[], cache: string): Promise<Record<string, string>> {
  if (paths.length === 0) return {};
  const known = await readKnown(cache);
  const digests: Record<string, string> = {};
  let changed = false;
  for (const path of paths) {
    try {
      const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
      const identity = [size, mtimeNs, ctimeNs, ino].join(' ');
      if (known[path]?.identity !== identity) {
        known[path] = { identity, sha256: await digestOf(path) };
        changed = true;
      }
      digests[path] = known[path].sha256;
    } catch (error) {
      throw new UserError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }
  if (changed) {
    await mkdir(dirname(cache), { recursive: true });
    const beside = `${cache}.${process.pid}.new`;
    await writeFile(beside, JSON.stringify(known, undefined, 1));
    await rename(beside, cache);
  }
  return digests;
}

/** sha256 of a file's content. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function readKnown(cache: string): Promise<Known> {
  let text: string;
  try {
    text = await readFile(cache, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {};
    throw error;
  }
  try {
    return knownSchema.parse(JSON.parse(text));
  } catch {
    // It only saves time: a cache that cannot be understood is made anew.
    return {};
  }
}
