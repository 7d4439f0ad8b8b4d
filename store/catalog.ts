/** @file What a store holds, as data for people: listing, finding by a prefix, verifying everything. */
import { UserError } from '../base/errors.js';
import { setAside } from './aside.js';
import { foldersIn } from './durable.js';
import { glanceCheaply, inspectFully, readManifest, type Verified } from './inspect.js';
import { areaFolder, artifactFolder, kindFolder } from './layout.js';
import { stageLogs } from './log.js';
import type { ArtifactRef, Manifest, SetAside } from './manifest.js';
import { digestsOf, supersededBy } from './probe.js';

/** An artifact in a listing; `damage` says what a cheap look found wrong with it. */
export type Listed =
  | { ref: ArtifactRef; damage: string }
  | {
      ref: ArtifactRef;
      title: string;
      bytes: number;
      files: number;
      finished: string;
      worker: string;
      digest: string;
    };

export interface Shown {
  ref: ArtifactRef;
  folder: string;
  manifest: Manifest;
  /** Paths of the logs of the stage that made it. */
  logs: string[];
}

export interface VerifyResult {
  checked: number;
  /** How many bytes were hashed. */
  bytes: number;
  damaged: SetAside[];
  /** Sound, but made from an input that has other bytes by now; the next run sets them aside. */
  superseded: { ref: ArtifactRef; reason: string }[];
}

/** Addresses of all that is published, sorted by kind and key. */
export async function listRefs(root: string, kind?: string): Promise<ArtifactRef[]> {
  const kinds = kind === undefined ? (await foldersIn(areaFolder(root, 'artifacts'))).sort() : [kind];
  const refs: ArtifactRef[] = [];
  for (const each of kinds) {
    const keys = (await foldersIn(kindFolder(root, each))).sort();
    refs.push(...keys.filter((key) => /^[0-9a-f]{64}$/.test(key)).map((key) => ({ kind: each, key })));
  }
  return refs;
}

/** Every artifact with what its manifest says; looks at sizes, hashes nothing, moves nothing. */
export async function list(root: string, filter: { kind?: string } = {}): Promise<Listed[]> {
  return (await listRefs(root, filter.kind)).flatMap((ref): Listed[] => {
    const seen = glanceCheaply(root, ref, new Map());
    if (seen.state === 'missing') return []; // set aside since the folder was listed
    if (seen.state === 'damaged') return [{ ref, damage: seen.reason }];
    const { title, files, made, digest } = seen.manifest;
    return [
      {
        ref,
        title,
        bytes: bytesOf(seen.manifest),
        files: files.length,
        finished: made.finished,
        worker: made.worker,
        digest,
      },
    ];
  });
}

/**
 * The one artifact that a prefix names: the beginning of a key, or `kind/` and the beginning of a key.
 * @throws UserError where there is none, or more than one (which are named)
 */
export async function resolve(root: string, prefix: string): Promise<ArtifactRef> {
  const [kind, start] = prefix.includes('/')
    ? [prefix.split('/')[0], prefix.split('/').slice(1).join('/')]
    : [undefined, prefix];
  if (!/^[0-9a-f]*$/.test(start) || (start === '' && kind === undefined))
    throw new UserError(
      `"${prefix}" is no key: give the first digits of one (0-9, a-f), as temper store ls shows them`,
    );
  const found = (await listRefs(root, kind)).filter(({ key }) => key.startsWith(start));
  const [only] = found;
  if (only === undefined)
    throw new UserError(
      `no artifact in ${root} has a key that begins with "${prefix}"; temper store ls shows what there is`,
    );
  if (found.length > 1) {
    const shown = found
      .slice(0, 20)
      .map((ref) => `  ${ref.kind}/${ref.key.slice(0, 16)}  ${titleOf(root, ref)}`);
    const more = found.length > shown.length ? [`  and ${found.length - shown.length} more`] : [];
    throw new UserError(
      [`"${prefix}" begins ${found.length} keys; give more digits of one of`, ...shown, ...more].join('\n'),
    );
  }
  return only;
}

/** One artifact in full. @throws UserError as {@link resolve}, and where its manifest cannot be read */
export async function show(root: string, prefix: string): Promise<Shown> {
  const ref = await resolve(root, prefix);
  const seen = glanceCheaply(root, ref, new Map());
  if (seen.state === 'missing' || seen.state === 'damaged') {
    const reason = seen.state === 'damaged' ? seen.reason : 'it was set aside a moment ago';
    throw new UserError(
      `${ref.kind}/${ref.key} is damaged: ${reason}; run its sweep again and it is made again`,
    );
  }
  return {
    ref,
    folder: artifactFolder(root, ref),
    manifest: seen.manifest,
    logs: await stageLogs(root, ref),
  };
}

/** Hashes every byte of the given artifacts, or of all; damaged ones are set aside. */
export async function verify(
  root: string,
  verified: Verified,
  refs?: readonly ArtifactRef[],
): Promise<VerifyResult> {
  const result: VerifyResult = { checked: 0, bytes: 0, damaged: [], superseded: [] };
  const sound: Manifest[] = [];
  for (const ref of refs ?? (await listRefs(root))) {
    const finding = await inspectFully(root, ref, verified);
    if (finding.state === 'missing') continue;
    result.checked++;
    if (finding.state === 'sound') {
      result.bytes += bytesOf(finding.manifest);
      sound.push(finding.manifest);
    } else {
      const moved = await setAside(root, ref, finding.inode, 'damaged', finding.reason);
      if (moved !== undefined) result.damaged.push(moved);
    }
  }
  const currentDigest = digestsOf(root);
  for (const manifest of sound) {
    const reason = supersededBy(manifest, currentDigest);
    if (reason !== undefined)
      result.superseded.push({ ref: { kind: manifest.kind, key: manifest.key }, reason });
  }
  return result;
}

/** An artifact's title, or a word on why it has none. */
function titleOf(root: string, ref: ArtifactRef): string {
  try {
    return readManifest(root, ref)?.title ?? '(gone)';
  } catch {
    return '(damaged)'; // a list of candidates is no place for the reason; show and verify tell it
  }
}

function bytesOf(manifest: Manifest): number {
  return manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
}
