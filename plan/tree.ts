/** @file The plan as a tree of workflows: each stage in the lowest one that covers everyone who needs it. */
import { inputKeys, type Stage, type StageKey } from './stage.js';

/** One task, one pair, one method, one seed, and the stage that says how well it did. */
export interface Trial {
  /** "dialects[dialect=3] weak→strong naive[labels=hard] seed 0": unique within a plan. */
  readonly id: string;
  readonly cell: string;
  readonly task: string;
  readonly taskValues: Record<string, unknown>;
  readonly weak: string;
  readonly strong: string;
  readonly method: string;
  readonly methodValues: Record<string, unknown>;
  readonly role: 'weak' | 'ceiling' | 'method' | 'control';
  readonly seed: number;
  /** The stage that evaluates it. */
  readonly evaluation: StageKey;
}

/** The trials that differ only in method. */
export interface Cell {
  readonly id: string;
  readonly trials: Trial[];
}

/** A workflow's part of the plan: the stages it sees to itself, inputs before users, and its children. */
export interface TrialNode {
  readonly trial: Trial;
  readonly stages: StageKey[];
  /** Stages of the workflows above that this one waits for. */
  readonly needs: StageKey[];
}

export interface BatchNode {
  readonly index: number;
  readonly stages: StageKey[];
  readonly needs: StageKey[];
  readonly cells: string[];
  readonly trials: TrialNode[];
}

export interface SweepNode {
  readonly stages: StageKey[];
  readonly batches: BatchNode[];
}

/** Trials in one batch workflow at most: what keeps its history under a thousand events. */
export const trialsPerBatch = 100;

/** Everything that a stage needs, itself included, inputs first. */
export function closure(roots: readonly StageKey[], stageOf: (key: StageKey) => Stage): StageKey[] {
  const ordered: StageKey[] = [];
  const seen = new Set<StageKey>();
  const visit = (key: StageKey): void => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const input of inputKeys(stageOf(key))) visit(input);
    ordered.push(key);
  };
  for (const root of roots) visit(root);
  return ordered;
}

/** Groups whole cells, in order, into batches of at most {@link trialsPerBatch} trials (a larger cell stands alone). */
function intoBatches(cells: readonly Cell[]): Cell[][] {
  const batches: Cell[][] = [];
  let size = Infinity;
  for (const cell of cells) {
    if (size + cell.trials.length > trialsPerBatch) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)!.push(cell);
    size += cell.trials.length;
  }
  return batches;
}

/** Places every stage of the cells' trials. */
export function buildTree(cells: readonly Cell[], stageOf: (key: StageKey) => Stage): SweepNode {
  const grouped = intoBatches(cells);
  // For every stage: the batches, and the trials, that need it.
  const users = new Map<StageKey, { batches: Set<number>; trials: Set<string> }>();
  const order: StageKey[] = [];
  const stagesOfTrial = new Map<string, StageKey[]>();
  grouped.forEach((batch, index) => {
    for (const trial of batch.flatMap((cell) => cell.trials)) {
      const stages = closure([trial.evaluation], stageOf);
      stagesOfTrial.set(trial.id, stages);
      for (const key of stages) {
        let user = users.get(key);
        if (user === undefined) {
          user = { batches: new Set(), trials: new Set() };
          users.set(key, user);
          order.push(key);
        }
        user.batches.add(index);
        user.trials.add(trial.id);
      }
    }
  });
  const levelOf = (key: StageKey): 'sweep' | 'batch' | 'trial' => {
    const user = users.get(key)!;
    if (user.batches.size > 1) return 'sweep';
    return user.trials.size > 1 ? 'batch' : 'trial';
  };
  const inputsOutside = (stages: readonly StageKey[]): StageKey[] => {
    const own = new Set(stages);
    const needed = new Set(stages.flatMap((key) => inputKeys(stageOf(key))).filter((key) => !own.has(key)));
    return [...needed];
  };
  const batches = grouped.map((batch, index): BatchNode => {
    const stages = order.filter((key) => levelOf(key) === 'batch' && users.get(key)!.batches.has(index));
    const trials = batch
      .flatMap((cell) => cell.trials)
      .map((trial): TrialNode => {
        const own = stagesOfTrial.get(trial.id)!.filter((key) => levelOf(key) === 'trial');
        // A trial without stages of its own still waits for the evaluation that it shares with another.
        const needs = own.length === 0 ? [trial.evaluation] : inputsOutside(own);
        return { trial, stages: own, needs };
      });
    const ownOrBelow = new Set([...stages, ...trials.flatMap((trial) => trial.stages)]);
    const needs = [...inputsOutside(stages), ...trials.flatMap((trial) => trial.needs)].filter(
      (key) => !ownOrBelow.has(key),
    );
    return { index, stages, needs: [...new Set(needs)], cells: batch.map((cell) => cell.id), trials };
  });
  return { stages: order.filter((key) => levelOf(key) === 'sweep'), batches };
}
