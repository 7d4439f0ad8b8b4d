/** @file How long the store takes to publish an artifact, and to say which of 10,000 are there. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../base/json.js';
import { artifactFolder, manifestName } from '../store/layout.js';
import { sealManifest } from '../store/manifest.js';
import { Store, type ArtifactRef, type Publication } from '../store/store.js';

export interface StoreBench {
  artifacts: number;
  /** Draft, two small files, fsyncs, publication. */
  publishMilliseconds: number;
  /** All of them, of two files and one input each, by a process that has not looked before. */
  probeSeconds: number;
  /** The same with every file hashed. */
  verifySeconds: number;
}

const answers = { 'accuracy.json': '{"correct":812,"total":1000}', 'answers.parquet': 'answers'.repeat(100) };

/** Measures on the disk of the temporary folder (TMPDIR). */
export async function benchStore(artifacts = 10_000): Promise<StoreBench> {
  const root = await mkdtemp(join(tmpdir(), 'temper-bench-'));
  try {
    const store = await Store.open(root, { create: true });
    const published: ArtifactRef[] = refs('published', 50);
    const publishing = await seconds(async () => {
      for (const ref of published) await publish(store, ref);
    });
    const planted = refs('planted', artifacts);
    for (const ref of planted) plant(root, ref);
    const probeSeconds = await seconds(async () => {
      const probed = await (await Store.open(root)).probe(planted);
      if (probed.published.length !== artifacts)
        throw new Error(`${probed.published.length} of ${artifacts} found`);
    });
    const verifySeconds = await seconds(async () => {
      const { damaged } = await (await Store.open(root)).verify(planted);
      if (damaged.length > 0) throw new Error(`${damaged.length} artifacts damaged`);
    });
    return {
      artifacts,
      publishMilliseconds: (1000 * publishing) / published.length,
      probeSeconds,
      verifySeconds,
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function refs(name: string, count: number): ArtifactRef[] {
  return Array.from({ length: count }, (_, i) => ({ kind: 'evaluate', key: sha256(`${name} ${i}`) }));
}

async function publish(store: Store, ref: ArtifactRef): Promise<void> {
  const draft = await store.draft(ref);
  for (const [name, text] of Object.entries(answers)) writeFileSync(join(draft.folder, name), text);
  await draft.publish(publication(ref));
}

/** What `publish` leaves, without waiting for the disk: ten thousand fsyncs would be most of the benchmark. */
function plant(root: string, ref: ArtifactRef): void {
  const folder = artifactFolder(root, ref);
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(answers).map(([path, text]) => {
    writeFileSync(join(folder, path), text);
    return {
      path,
      bytes: text.length,
      sha256: sha256(text),
      modified: Math.floor(statSync(join(folder, path)).mtimeMs),
    };
  });
  writeFileSync(
    join(folder, manifestName),
    JSON.stringify(sealManifest(ref, publication(ref), files), null, 2),
  );
}

function publication(ref: ArtifactRef): Publication {
  return {
    version: 1,
    params: { batch: 64, split: 'test' },
    title: `evaluate ${ref.key.slice(0, 8)}`,
    inputs: [{ role: 'items', kind: 'shard', key: sha256('items'), digest: sha256('bytes of the items') }],
    device: 'cpu',
    runtime: { temper: '0.1.0', node: process.version, onnxruntime: '1.30.0', cpu: 'avx2' },
    made: {
      started: '2026-01-01T00:00:00.000Z',
      finished: '2026-01-01T00:00:01.000Z',
      worker: 'cpu:0',
      attempt: 1,
    },
  };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
