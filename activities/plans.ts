/** @file Plans as artifacts: stored once, read by everyone who is told their key. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../base/json.js';
import type { Plan } from '../plan/plan.js';
import type { Stage, StageKey } from '../plan/stage.js';
import type { Store } from '../store/store.js';
import { publishOnce } from './publish.js';

/** A plan with its stages at hand by key. */
export interface StoredPlan extends Plan {
  /** Its own key in the store. */
  readonly key: string;
  stage(key: StageKey): Stage;
}

/** Plans that this process has read lately: an activity a stage would otherwise parse the whole plan each time. */
const remembered = new Map<string, StoredPlan>();
const rememberedAtMost = 4;

function indexed(key: string, plan: Plan): StoredPlan {
  const stages = new Map(plan.stages.map((stage) => [stage.key, stage]));
  const stored: StoredPlan = {
    ...plan,
    key,
    stage(wanted) {
      const stage = stages.get(wanted);
      if (stage === undefined) throw new RangeError(`plan ${key} has no stage ${wanted}`);
      return stage;
    },
  };
  remembered.delete(key);
  remembered.set(key, stored);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= rememberedAtMost) break;
    remembered.delete(oldest);
  }
  return stored;
}

/** Publishes a plan under the hash of all of it, titles and paths included. */
export async function storePlan(store: Store, plan: Plan, worker: string): Promise<StoredPlan> {
  const text = canonicalJson(plan);
  const key = sha256(text);
  await publishOnce(store, { kind: 'plan', key }, worker, { title: `plan of ${plan.name}` }, (folder) =>
    writeFile(join(folder, 'plan.json'), text),
  );
  return indexed(key, plan);
}

/** The plan under a key. */
export async function loadPlan(store: Store, key: string): Promise<StoredPlan> {
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const artifact = await store.read({ kind: 'plan', key });
  return indexed(key, JSON.parse(await readFile(artifact.path('plan.json'), 'utf8')) as Plan);
}
