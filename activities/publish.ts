/** @file Publishing what the orchestrator makes itself: plans, scores, reports. */
import { runtime } from '../base/runtime.js';
import type { ArtifactRef, Publication, Store } from '../store/store.js';

export type Made = Pick<Publication, 'title'> & Partial<Pick<Publication, 'inputs' | 'version'>>;

/** Publishes what `write` leaves in the folder that it is given, unless the store has it already. */
export async function publishOnce(
  store: Store,
  ref: ArtifactRef,
  worker: string,
  { title, inputs = [], version = 1 }: Made,
  write: (folder: string) => Promise<void>,
): Promise<void> {
  if ((await store.probe([ref])).published.length > 0) return;
  const started = new Date().toISOString();
  const draft = await store.draft(ref);
  try {
    await write(draft.folder);
    await draft.publish({
      version,
      params: {},
      title,
      inputs,
      runtime: { ...runtime },
      made: { started, finished: new Date().toISOString(), worker, attempt: 1 },
    });
  } finally {
    await draft.discard();
  }
}
