/** @file `score`: the stage that gathers a cell, whichever of its trials came out. */
import { stageVersions } from './kinds.js';
import { stageKey, type Stage, type StageInputs, type StageKey } from './stage.js';

/** The stage that aggregates these evaluations (keys, in the order of the cell's trials). */
export function scoreStage(cell: string, evaluations: readonly StageKey[]): Stage {
  const inputs: StageInputs = { evaluations: [...new Set(evaluations)] };
  const asked = { kind: 'score', version: stageVersions.score, params: {}, inputs } as const;
  return { key: stageKey(asked), ...asked, title: `score · ${cell}` };
}
