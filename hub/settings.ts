/** @file Where the hub is, who asks, and where its files are kept: the environment variables that Python's client reads. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { getHFHubCachePath, HUB_URL } from '@huggingface/hub';
import { codeOf, EnvironmentError, messageOf } from '../base/errors.js';

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The cache's folder: it holds `models--owner--name`, `datasets--owner--name` and `.locks`. */
  readonly cache: string;
  readonly token?: string;
  /** The hub is not asked at all. */
  readonly offline: boolean;
}

/** Settings that a caller gives instead of the environment's. */
export type HubOverrides = Partial<HubSettings>;

/**
 * `HF_ENDPOINT`; `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`; `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`; `HF_TOKEN`,
 * `HUGGING_FACE_HUB_TOKEN`, and the file that `hf auth login` writes.
 */
export async function hubSettings(given: HubOverrides = {}): Promise<HubSettings> {
  const { env } = process;
  const endpoint = trimSlash(given.endpoint ?? (env['HF_ENDPOINT'] || HUB_URL));
  if (!URL.canParse(endpoint))
    throw new EnvironmentError(
      `HF_ENDPOINT must be an address such as ${HUB_URL}, not "${endpoint}". Correct or unset it.`,
    );
  const token = given.token ?? (await findToken(env));
  return {
    endpoint,
    cache: given.cache ?? getHFHubCachePath(),
    ...(token === undefined ? {} : { token }),
    offline: given.offline ?? (isOn(env['HF_HUB_OFFLINE']) || isOn(env['TRANSFORMERS_OFFLINE'])),
  };
}

function trimSlash(address: string): string {
  return address.replace(/\/+$/, '');
}

/** As Python's client reads switches. */
function isOn(value: string | undefined): boolean {
  return ['1', 'true', 'yes', 'on'].includes((value ?? '').toLowerCase());
}

async function findToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = clean(env['HF_TOKEN']) ?? clean(env['HUGGING_FACE_HUB_TOKEN']);
  if (named !== undefined) return named;
  const home = env['HF_HOME'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
  const path = env['HF_TOKEN_PATH'] ?? join(home, 'token');
  try {
    return clean(await readFile(path, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new EnvironmentError(
      `The hub's token in ${path} cannot be read: ${messageOf(error)}. Set HF_TOKEN, or log in again.`,
    );
  }
}

function clean(token: string | undefined): string | undefined {
  return token?.replace(/[\r\n]/g, '').trim() || undefined;
}
