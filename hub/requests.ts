/** @file Asking the hub: the token goes to the hub alone, what may pass is tried again, and refusals say what to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, messageOf, UserError } from '../base/errors.js';
import type { Repo } from './cache.js';
import type { HubSettings } from './settings.js';

/** The hub does not answer, or not now; what is in the cache may do. */
export class HubUnreachable extends EnvironmentError {
  override readonly name = 'HubUnreachable';
}

/** The hub answered, and the answer was no. */
export class HubRefusal extends Error {
  override readonly name = 'HubRefusal';
  constructor(
    readonly status: number,
    /** The hub's own name for it: `RepoNotFound`, `GatedRepo`, `RevisionNotFound`, `EntryNotFound`, … */
    readonly code: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

export interface Patience {
  /** How often a request is made at most. */
  readonly tries: number;
  /** Before the second try; doubled each time. A server's Retry-After counts more. */
  readonly waitMs: number;
}
export const usualPatience: Patience = { tries: 5, waitMs: 500 };
const longestWaitMs = 60_000;

/**
 * `fetch` for the hub.
 *
 * @throws HubUnreachable when there is no answer, or 429 or 5xx on every try
 * @throws HubRefusal for every other answer that is not a success
 */
export function hubFetch(
  { endpoint, token }: Pick<HubSettings, 'endpoint' | 'token'>,
  patience: Patience = usualPatience,
): typeof fetch {
  const { origin } = new URL(endpoint);
  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init.headers);
    // A redirection to a storage service drops the header: fetch sees to that.
    if (token !== undefined && new URL(url).origin === origin)
      headers.set('authorization', `Bearer ${token}`);
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptOnce(input, { ...init, headers });
      if (outcome instanceof Response && outcome.ok) return outcome;
      if (outcome instanceof Response && !isPassing(outcome.status)) throw await refusal(outcome);
      if (attempt >= patience.tries) throw await unreachable(endpoint, url, outcome, attempt);
      if (outcome instanceof Response) await outcome.body?.cancel();
      await sleep(waitBefore(attempt, patience, outcome));
    }
  };
}

async function attemptOnce(input: Parameters<typeof fetch>[0], init: RequestInit): Promise<Response | Error> {
  try {
    return await fetch(input, init);
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    return error as Error;
  }
}

function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function waitBefore(attempt: number, { waitMs }: Patience, outcome: Response | Error): number {
  const asked = outcome instanceof Response ? Number(outcome.headers.get('retry-after')) * 1000 : 0;
  const own = waitMs * 2 ** (attempt - 1);
  return Math.min(Number.isFinite(asked) ? Math.max(asked, own) : own, longestWaitMs);
}

async function refusal(response: Response): Promise<HubRefusal> {
  const said = response.headers.get('x-error-message') ?? (await response.text()).slice(0, 300);
  return new HubRefusal(response.status, response.headers.get('x-error-code') ?? undefined, said);
}

async function unreachable(
  endpoint: string,
  url: string,
  outcome: Response | Error,
  tries: number,
): Promise<HubUnreachable> {
  if (outcome instanceof Response) {
    await outcome.body?.cancel();
    const advice =
      outcome.status === 429
        ? 'It limits how often one may ask: wait a few minutes, or set HF_TOKEN.'
        : 'Try again later.';
    return new HubUnreachable(
      `The hub answered ${outcome.status} to ${url}, ${tries} times in a row. ${advice}`,
    );
  }
  const cause = outcome.cause === undefined ? outcome.message : messageOf(outcome.cause);
  return new HubUnreachable(
    `The hub at ${endpoint} cannot be reached (${cause}). Check the network (HTTPS_PROXY, HF_ENDPOINT), ` +
      `or give a path on this machine instead.`,
  );
}

/** What a refusal means for whoever named the repository. */
export function explain(
  error: unknown,
  { endpoint, token }: HubSettings,
  { type, name }: Repo,
  revision: string,
): unknown {
  if (!(error instanceof HubRefusal)) return error;
  const { status, code, message } = error;
  const page = `${endpoint}/${type === 'dataset' ? 'datasets/' : ''}${name}`;
  const giveToken =
    token === undefined
      ? 'set HF_TOKEN to a token that may read it'
      : 'the token in use may not read it: set HF_TOKEN to one that may';
  if (code === 'GatedRepo' || status === 403)
    return new UserError(
      `${name} is gated: its authors ask for an agreement first. Accept it at ${page}, then ${giveToken}. (${status}: ${message})`,
    );
  if (code === 'RevisionNotFound')
    return new UserError(
      `${name} has no revision "${revision}". ${page}/tree/main lists its branches and tags; a commit is 40 hexadecimal digits.`,
    );
  if (code === 'EntryNotFound')
    return new UserError(`${name}@${revision} lacks a file that its own list names: ${message}`);
  if (code === 'RepoNotFound' || status === 404 || (status === 401 && token === undefined))
    return new UserError(
      `${name} is not on ${endpoint}, or is private. Check the spelling (owner/name); if it is private, ${giveToken}.`,
    );
  if (status === 401)
    return new UserError(
      `The hub does not accept the token in use (401: ${message}). Make one at ${endpoint}/settings/tokens and set HF_TOKEN.`,
    );
  return new EnvironmentError(`The hub refused ${name}@${revision} with ${status}: ${message}`);
}
