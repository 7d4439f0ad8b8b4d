/** @file What an artifact says about itself: its files, what it was made from, with what, by whom. */
import { z } from 'zod';
import { sha256, type JsonObject } from '../base/json.js';
import { messageOf } from '../base/errors.js';

/** The address of an artifact: what was asked for. */
export interface ArtifactRef {
  /** Stage kind. */
  readonly kind: string;
  /** Stage key: sha256 in hexadecimal. */
  readonly key: string;
}

/** Something that is no longer a hit, and where it was moved. */
export interface SetAside {
  readonly ref: ArtifactRef;
  /** Its bytes are wrong, or it was made from an input that has other bytes by now. */
  readonly cause: 'damaged' | 'superseded';
  readonly reason: string;
  /** Absent where the store could not be written, so that it still lies where it was. */
  readonly movedTo?: string;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A path inside an artifact: relative, forward slashes, never out of it. */
const insidePath = z
  .string()
  .refine((path) => path !== '' && !path.startsWith('/') && !path.split('/').includes('..'), {
    error: 'must be a relative path inside the artifact',
  });

const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  {
    error: 'must be an object',
  },
);

const manifestFile = z.object({
  path: insidePath,
  bytes: z.int().nonnegative(),
  sha256: digest,
  /** Modification time in whole milliseconds: as long as it and the size agree, a probe does not hash. */
  modified: z.number(),
});

const manifestInput = z.object({
  role: z.string(),
  kind: z.string(),
  key: digest,
  /** Content digest of what was read. */
  digest,
});

const manifestSchema = z.object({
  kind: z.string(),
  key: digest,
  /** Version of the stage kind. */
  version: z.int(),
  params: jsonObject,
  title: z.string(),
  inputs: z.array(manifestInput),
  /** Content digest: {@link contentDigest} of the files. */
  digest,
  files: z.array(manifestFile).min(1),
  device: z.string().optional(),
  /** Versions of what computed it: temper, node, onnxruntime, the CPU's instruction set. */
  runtime: z.record(z.string(), z.string()),
  made: z.object({
    started: z.string(),
    finished: z.string(),
    worker: z.string(),
    attempt: z.int(),
    workflow: z.string().optional(),
    run: z.string().optional(),
  }),
  /** False where the stage does not promise the same bytes again (an endpoint, atomics on a GPU). */
  reproducible: z.boolean().optional(),
  /** {@link sealOf} everything above, so that an edited manifest is noticed. */
  seal: digest,
});

const unsealedSchema = manifestSchema.omit({ seal: true });

export type ManifestFile = z.infer<typeof manifestFile>;
export type ManifestInput = z.infer<typeof manifestInput>;
export type Manifest = z.infer<typeof manifestSchema>;

/** What the maker of an artifact knows; the rest follows from its files. */
export type Publication = Omit<Manifest, 'kind' | 'key' | 'digest' | 'files' | 'seal'>;

/** sha256 over the sorted (path, sha256) pairs: the same bytes under the same names, whoever wrote them and when. */
export function contentDigest(files: readonly Pick<ManifestFile, 'path' | 'sha256'>[]): string {
  const pairs = files.map(({ path, sha256 }) => [path, sha256] as const);
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sha256(JSON.stringify(pairs)); // which is canonical JSON, since it is lists of strings only
}

/** sha256 of the JSON as it stands, members in their order: a probe checks thousands, and canonical JSON takes ten times as long. */
function sealOf(unsealed: object): string {
  return sha256(JSON.stringify(unsealed));
}

/** The complete manifest of `files`, sealed. @throws ZodError where the publication lacks something */
export function sealManifest(ref: ArtifactRef, publication: Publication, files: ManifestFile[]): Manifest {
  const known = { ...publication, kind: ref.kind, key: ref.key, digest: contentDigest(files), files };
  // Through JSON: the seal is of what is written, where a member that is undefined is absent.
  const unsealed = unsealedSchema.parse(JSON.parse(JSON.stringify(known)));
  return { ...unsealed, seal: sealOf(unsealed) };
}

/**
 * A manifest from its text.
 * @throws Error whose message says what is wrong with it: not JSON, a missing or wrong field, another artifact's, edited.
 */
export function parseManifest(text: string, ref: ArtifactRef): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`its manifest is not JSON (${messageOf(error)})`);
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`its manifest is wrong at ${issue?.path.join('.') || 'the top'}: ${issue?.message}`);
  }
  const manifest = parsed.data;
  if (manifest.kind !== ref.kind || manifest.key !== ref.key)
    throw new Error(`its manifest is that of ${manifest.kind}/${manifest.key}`);
  const { seal, ...unsealed } = value as JsonObject;
  if (sealOf(unsealed) !== seal) throw new Error('its manifest was edited (the seal does not fit)');
  if (contentDigest(manifest.files) !== manifest.digest)
    throw new Error('its digest does not fit its list of files');
  return manifest;
}
