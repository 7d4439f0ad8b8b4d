/** @file The stages of a plan, each once however many trials ask for it. */
import type { JsonObject } from '../base/json.js';
import { stageVersions } from './kinds.js';
import {
  stageKey,
  type DeviceClass,
  type Stage,
  type StageInputs,
  type StageKey,
  type StageKind,
} from './stage.js';

export interface StageRequest {
  kind: StageKind;
  params: JsonObject;
  inputs: StageInputs;
  title: string;
  device?: DeviceClass;
  paths?: Record<string, string>;
  modules?: readonly string[];
}

export class StagePool {
  readonly #stages = new Map<StageKey, Stage>();

  /** The stage that does this; the first to ask for it names it. */
  add(request: StageRequest): Stage {
    const version = stageVersions[request.kind];
    const key = stageKey({ ...request, version });
    const known = this.#stages.get(key);
    if (known !== undefined) return known;
    const stage: Stage = { key, version, ...request };
    this.#stages.set(key, stage);
    return stage;
  }

  get(key: StageKey): Stage {
    const stage = this.#stages.get(key);
    if (stage === undefined) throw new RangeError(`no stage ${key} in this plan`);
    return stage;
  }

  /** In the order in which they were asked for: inputs before those who use them. */
  all(): Stage[] {
    return [...this.#stages.values()];
  }
}
