/** @file Which artifacts are there to be used: thousands at a glance, or one read to its last byte. */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setAside } from './aside.js';
import { ArtifactDamaged, ArtifactMissing } from './errors.js';
import {
  glanceCheaply,
  inspectCheaply,
  inspectFully,
  settle,
  type Finding,
  type Verified,
} from './inspect.js';
import { artifactFolder } from './layout.js';
import type { ArtifactRef, Manifest, SetAside } from './manifest.js';

export interface Probed {
  /** In the order asked for. */
  published: ArtifactRef[];
  /** What was moved away, and must be made again. */
  damaged: SetAside[];
}

export interface Artifact {
  readonly ref: ArtifactRef;
  readonly manifest: Manifest;
  /** Where a file of the artifact lies. @throws Error where the artifact has no such file */
  path(file: string): string;
}

type Sound = Extract<Finding, { state: 'sound' }>;

/** Artifacts looked at before the event loop gets its turn. */
const slice = 64;

/** How often to look again at what other processes keep replacing. */
const patience = 5;

/** The content digest that an artifact has now; undefined where there is none that can be read. */
export type CurrentDigest = (ref: ArtifactRef) => string | undefined;

/**
 * Which of `refs` are hits. A hit has a readable manifest, every file in its recorded size and (by its time or, where
 * that is off, by its hash) with its recorded bytes, and was made from inputs that, as far as they are still there, have
 * the same bytes today. What is not is set aside and reported.
 */
export async function probe(root: string, verified: Verified, refs: readonly ArtifactRef[]): Promise<Probed> {
  const different = new Map(refs.map((ref) => [addressOf(ref), ref]));
  const findings = new Map<string, Finding>();
  let count = 0;
  for (const [address, ref] of different) {
    const seen = glanceCheaply(root, ref, verified);
    findings.set(address, seen.state === 'doubtful' ? await settle(root, ref, seen, verified) : seen);
    if (++count % slice === 0) await nextTurn();
  }
  const currentDigest = digestsOf(root, findings);
  const hits = new Set<string>();
  const damaged: SetAside[] = [];
  for (const [address, ref] of different) {
    const outcome = await judge(root, verified, ref, findings.get(address), currentDigest);
    if (outcome === 'hit') hits.add(address);
    else if (outcome !== 'missing') damaged.push(outcome);
    if (++count % slice === 0) await nextTurn();
  }
  return {
    published: [...different].filter(([address]) => hits.has(address)).map(([, ref]) => ref),
    damaged,
  };
}

/** A finding's consequence. */
async function judge(
  root: string,
  verified: Verified,
  ref: ArtifactRef,
  first: Finding | undefined,
  currentDigest: CurrentDigest,
): Promise<'hit' | 'missing' | SetAside> {
  let finding = first;
  for (let look = 0; look < patience; look++) {
    finding ??= await inspectCheaply(root, ref, verified);
    if (finding.state === 'missing') return 'missing';
    const superseded = finding.state === 'sound' ? supersededBy(finding.manifest, currentDigest) : undefined;
    if (finding.state === 'sound' && superseded === undefined) return 'hit';
    const moved =
      finding.state === 'damaged'
        ? await setAside(root, ref, finding.inode, 'damaged', finding.reason)
        : await setAside(root, ref, finding.inode, 'superseded', superseded ?? '');
    if (moved !== undefined) return moved;
    finding = undefined; // another process was faster: look at what is there now
  }
  return 'missing';
}

/** Why an artifact is out of date; undefined where it is not. */
export function supersededBy(manifest: Manifest, currentDigest: CurrentDigest): string | undefined {
  for (const input of manifest.inputs) {
    const now = currentDigest(input);
    if (now !== undefined && now !== input.digest)
      return `its input "${input.role}" (${input.kind}/${input.key}) was remade with other bytes: it read ${input.digest}, the store has ${now}`;
  }
  return undefined;
}

/** Digests of inputs, each manifest read once. An input that is damaged counts as absent: it decides nothing. */
export function digestsOf(root: string, known = new Map<string, Finding>()): CurrentDigest {
  const digests = new Map<string, string | undefined>();
  return ({ kind, key }) => {
    const ref = { kind, key };
    const address = addressOf(ref);
    const finding = known.get(address);
    if (finding !== undefined) return finding.state === 'sound' ? finding.manifest.digest : undefined;
    if (!digests.has(address)) digests.set(address, digestNow(root, ref));
    return digests.get(address);
  };
}

function digestNow(root: string, ref: ArtifactRef): string | undefined {
  const finding = glanceCheaply(root, ref, new Map());
  return finding.state === 'sound' || finding.state === 'doubtful' ? finding.manifest.digest : undefined;
}

/**
 * An artifact whose every byte was verified by this process.
 * @throws ArtifactMissing; ArtifactDamaged, after it was set aside
 */
export async function read(root: string, verified: Verified, ref: ArtifactRef): Promise<Artifact> {
  for (let look = 0; look < patience; look++) {
    const finding = await inspectFully(root, ref, verified);
    if (finding.state === 'sound') return asArtifact(root, ref, finding);
    if (finding.state === 'missing') break;
    const moved = await setAside(root, ref, finding.inode, 'damaged', finding.reason);
    if (moved !== undefined) throw new ArtifactDamaged(moved);
  }
  throw new ArtifactMissing(ref, artifactFolder(root, ref));
}

function asArtifact(root: string, ref: ArtifactRef, { manifest }: Sound): Artifact {
  const folder = artifactFolder(root, ref);
  return {
    ref,
    manifest,
    path(file) {
      if (!manifest.files.some(({ path }) => path === file)) {
        const names = manifest.files.map(({ path }) => path).join(', ');
        throw new Error(`artifact ${ref.kind}/${ref.key} has no file "${file}"; it has ${names}`);
      }
      return join(folder, file);
    },
  };
}

const addressOf = (ref: ArtifactRef): string => `${ref.kind}/${ref.key}`;
