/** @file `score`: the stage that gathers a cell, whichever of its trials came out. */
import { stageVersions } from './kinds.js';
import { stageKey, type Stage, type StageInputs, type StageKey } from './stage.js';

/**
 * The stage that aggregates these evaluations (keys, in the order of the cell's trials).
 * @param weak which of them is the weak supervisor's, which the others are compared with; undefined where it is missing
 */
export function scoreStage(cell: string, evaluations: readonly StageKey[], weak?: StageKey): Stage {
  const inputs: StageInputs = {
    evaluations: [...new Set(evaluations)],
    ...(weak === undefined ? {} : { weak }),
  };
  const asked = { kind: 'score', version: stageVersions.score, params: {}, inputs } as const;
  return { key: stageKey(asked), ...asked, title: `score · ${cell}` };
}
