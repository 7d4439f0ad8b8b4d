/** @file Canonical JSON (RFC 8785) and the sha256 of it: the ground that every key stands on. */
import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

// The package is CommonJS with a default export that TypeScript and Node see differently.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** The one text that RFC 8785 gives a JSON value, whatever the order of its keys; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('only JSON values have canonical JSON');
  return text;
}

/** Lower-case hexadecimal sha256. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** sha256 of a value's canonical JSON. */
export function hashOf(value: unknown): string {
  return sha256(canonicalJson(value));
}
