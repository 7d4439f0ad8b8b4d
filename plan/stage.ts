/** @file What a stage is, and how its key follows from what it was asked to do. */
import { hashOf, type JsonObject } from '../base/json.js';

export const stageKinds = [
  'shard',
  'pretrain',
  'finetune',
  'label',
  'refine',
  'relabel',
  'evaluate',
  'score',
] as const;
export type StageKind = (typeof stageKinds)[number];

/** Where numbers come from: part of a key, since other devices add in another order. */
export const deviceClasses = ['cpu', 'webgpu', 'cuda'] as const;
export type DeviceClass = (typeof deviceClasses)[number];

/** sha256 in hexadecimal. */
export type StageKey = string;

/** An input's role → the stage (or, where it was made in shards, the stages in order) that it comes from. */
export type StageInputs = Record<string, StageKey | StageKey[]>;

/** One durable step: known completely before anything runs. */
export interface Stage {
  readonly key: StageKey;
  readonly kind: StageKind;
  readonly version: number;
  /** Resolved parameters without those that equal the version's defaults. */
  readonly params: JsonObject;
  readonly inputs: StageInputs;
  /** Absent for stages that do no arithmetic worth the name (`shard`, `score`). */
  readonly device?: DeviceClass;
  /** What a person calls it: "finetune strong on weak labels · dialects 3 · seed 0". Not part of the key. */
  readonly title: string;
  /** Where this machine finds a file that the parameters name by its digest. Not part of the key. */
  readonly paths?: Record<string, string>;
  /** Digests of users' modules that names in the parameters end in. Not part of the key. */
  readonly modules?: readonly string[];
}

/** sha256 of the canonical JSON of {kind, version, params, device class, keys of its inputs}. */
export function stageKey(stage: Pick<Stage, 'kind' | 'version' | 'params' | 'inputs' | 'device'>): StageKey {
  const { kind, version, params, inputs, device } = stage;
  return hashOf({ kind, version, params, inputs, ...(device === undefined ? {} : { device }) });
}

/** The keys of everything a stage reads. */
export function inputKeys(stage: Pick<Stage, 'inputs'>): StageKey[] {
  return Object.values(stage.inputs).flat();
}
