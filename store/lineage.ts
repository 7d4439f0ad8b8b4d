/** @file Where a number comes from: the artifacts behind an artifact, down to the data. */
import { resolve } from './catalog.js';
import { glanceCheaply } from './inspect.js';
import type { ArtifactRef, Manifest } from './manifest.js';

export interface LineageNode {
  kind: string;
  key: string;
  /** What its user calls it; absent at the top. */
  role?: string;
  title?: string;
  /** Content digest that its user read; absent at the top. */
  recorded?: string;
  /** Content digest that the store has now; absent where it has none. */
  digest?: string;
  /** `changed`: it was remade with other bytes since it was read. */
  state: 'present' | 'changed' | 'missing' | 'damaged';
  /** What is behind it stands at its first occurrence and is not told again. */
  repeated?: true;
  inputs: LineageNode[];
}

/** The tree of inputs of the artifact that a key's prefix names. @throws UserError where it names none or several */
export async function lineage(root: string, prefix: string): Promise<LineageNode> {
  const told = new Set<string>();
  const visit = (ref: ArtifactRef, input?: Manifest['inputs'][number]): LineageNode => {
    const { state, manifest } = lookAt(root, ref);
    const address = `${ref.kind}/${ref.key}`;
    const repeated = told.has(address) && (manifest?.inputs.length ?? 0) > 0;
    told.add(address);
    return {
      kind: ref.kind,
      key: ref.key,
      ...(input === undefined ? {} : { role: input.role, recorded: input.digest }),
      ...(manifest === undefined ? {} : { title: manifest.title, digest: manifest.digest }),
      state:
        manifest !== undefined && input !== undefined && manifest.digest !== input.digest ? 'changed' : state,
      ...(repeated ? { repeated } : {}),
      inputs: repeated
        ? []
        : (manifest?.inputs ?? []).map((each) => visit({ kind: each.kind, key: each.key }, each)),
    };
  };
  return visit(await resolve(root, prefix));
}

function lookAt(
  root: string,
  ref: ArtifactRef,
): { state: 'present' | 'missing' | 'damaged'; manifest?: Manifest } {
  const seen = glanceCheaply(root, ref, new Map());
  if (seen.state === 'missing' || seen.state === 'damaged') return { state: seen.state };
  return { state: 'present', manifest: seen.manifest };
}
