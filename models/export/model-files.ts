/** @file A model's folder as a whole: written beside its place and put there when complete. */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, EnvironmentError, messageOf, UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';

/** What goes along with a model's weights as it is. */
const companions = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'tokenizer.model',
  'spiece.model',
  'sentencepiece.bpe.model',
];

/**
 * Has `write` fill a folder beside `folder`, which then takes its name. Where `folder` is there already, the files are
 * moved into it, config.json last, so that whoever sees a new config.json sees the rest.
 *
 * @throws EnvironmentError where the disk does not take it; nothing is left behind
 */
export async function publishFolder(
  folder: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${folder}.${randomBytes(6).toString('hex')}.partial`;
  try {
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(temporary);
    await write(temporary);
    await moveInto(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    throw new EnvironmentError(
      `${folder} cannot be written: ${messageOf(error)}. Make room, or name another place.`,
    );
  }
}

async function moveInto(temporary: string, folder: string): Promise<void> {
  try {
    await rename(temporary, folder);
    return;
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  }
  const entries = await readdir(temporary, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(temporary.length + 1));
  const isConfig = (file: string) => Number(file === 'config.json');
  for (const file of files.sort((a, b) => isConfig(a) - isConfig(b) || (a < b ? -1 : 1))) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await rename(join(temporary, file), join(folder, file));
  }
  await rm(temporary, { recursive: true });
}

/** Copies a model's tokenizer and generation settings, those that are there. */
export async function copyCompanions(from: string, to: string): Promise<void> {
  for (const file of companions) {
    try {
      await copyFile(join(from, file), join(to, file));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

export async function readJsonObject(path: string): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
  throw new UserError(`${path} holds no JSON object`);
}

/** As transformers writes its files: two spaces, a newline at the end. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
