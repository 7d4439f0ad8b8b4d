/** @file The cheap activities, which run beside the workflows: plan, probe, score, report. */
import { log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { UserError } from '../base/errors.js';
import { fingerprint } from '../datasets/fingerprint.js';
import { planSweep } from '../plan/plan.js';
import { inputKeys, type Stage, type StageKey } from '../plan/stage.js';
import type { Trial } from '../plan/tree.js';
import type { LoadedSweep } from '../spec/index.js';
import { recordFailure } from '../store/failures.js';
import type { Store } from '../store/store.js';
import type { StageRef } from '../workflows/messages.js';
import { readEvaluation } from './evaluation.js';
import { publishModules } from './modules.js';
import { loadPlan, storePlan, type StoredPlan } from './plans.js';
import { publishReport } from './report.js';
import { collectResults } from './results.js';
import { scoreCell } from './score.js';

export interface TrialPlan {
  readonly trial: Trial;
  readonly stages: StageRef[];
  /** Stages of the workflows above that it waits for. */
  readonly needs: StageKey[];
}

export interface BatchPlan {
  readonly stages: StageRef[];
  readonly cells: string[];
  readonly trials: TrialPlan[];
  /** Which of the batch's and its trials' stages the store holds. */
  readonly published: StageKey[];
}

export interface SweepPlan {
  /** The plan's key in the store. */
  readonly plan: string;
  readonly trials: number;
  /** Stages of the whole tree. */
  readonly stageCount: number;
  /** The stages that batches share. */
  readonly stages: StageRef[];
  readonly batches: { readonly index: number; readonly needs: StageKey[]; readonly trials: number }[];
  /** Which of `stages` the store holds. */
  readonly published: StageKey[];
  /** Nothing: a plan computes no stage. */
  readonly computed: 0;
  /** What had to be set aside, in words. */
  readonly warnings: string[];
}

/** The activities of the orchestrator worker, over one store. `folder` is where fingerprints are remembered. */
export function createOrchestratorActivities(options: {
  store: Store;
  fingerprints: string;
  worker: string;
}) {
  const { store, fingerprints, worker } = options;

  const probe = async (stages: readonly Stage[]): Promise<{ published: StageKey[]; warnings: string[] }> => {
    const { published, damaged } = await store.probe(stages.map(({ kind, key }) => ({ kind, key })));
    const warnings = damaged.map(
      ({ ref, reason }) => `${ref.kind} ${ref.key.slice(0, 12)} set aside: ${reason}`,
    );
    for (const warning of warnings) log.warn(warning);
    return { published: published.map(({ key }) => key), warnings };
  };

  const referTo = (plan: StoredPlan, key: StageKey): StageRef => {
    const stage = plan.stage(key);
    // Files of users are read, like everything heavy, where a crash costs one attempt and not the orchestrator.
    return {
      key,
      kind: stage.kind,
      title: stage.title,
      inputs: inputKeys(stage),
      device: stage.device ?? plan.device,
    };
  };

  return {
    /** Builds and stores the plan of a sweep, or reads the one that an earlier run stored. */
    async plan(input: { definition: unknown; plan?: string }): Promise<SweepPlan> {
      const stored =
        input.plan === undefined
          ? await forUsers(async () => {
              const sweep = input.definition as LoadedSweep;
              await publishModules(store, sweep.modules ?? {}, worker);
              const paths = sweep.tasks.flatMap((task) => Object.values(task.files));
              return storePlan(store, planSweep(sweep, await fingerprint(paths, fingerprints)), worker);
            })
          : await loadPlan(store, input.plan);
      // Looking at the whole plan once finds what is damaged before anything is computed from it.
      const { published, warnings } = await probe(stored.stages);
      const shared = new Set(stored.tree.stages);
      return {
        plan: stored.key,
        trials: stored.cells.reduce((total, cell) => total + cell.trials.length, 0),
        stageCount: stored.stages.length,
        stages: stored.tree.stages.map((key) => referTo(stored, key)),
        batches: stored.tree.batches.map(({ index, needs, trials }) => ({
          index,
          needs,
          trials: trials.length,
        })),
        published: published.filter((key) => shared.has(key)),
        computed: 0,
        warnings,
      };
    },

    /** A batch's part of the plan, and what of it is done. */
    async loadBatch(input: { plan: string; index: number }): Promise<BatchPlan> {
      const plan = await loadPlan(store, input.plan);
      const node = plan.tree.batches[input.index];
      if (node === undefined)
        throw ApplicationFailure.nonRetryable(`plan ${input.plan} has no batch ${input.index}`);
      const keys = [...node.stages, ...node.trials.flatMap((trial) => trial.stages)];
      const { published } = await probe(keys.map((key) => plan.stage(key)));
      return {
        stages: node.stages.map((key) => referTo(plan, key)),
        cells: node.cells,
        trials: node.trials.map(({ trial, stages, needs }) => ({
          trial,
          stages: stages.map((key) => referTo(plan, key)),
          needs,
        })),
        published,
      };
    },

    /** Which of a plan's stages the store holds. */
    async probe(input: { plan: string; keys: StageKey[] }): Promise<{ published: StageKey[] }> {
      const plan = await loadPlan(store, input.plan);
      const { published } = await probe(input.keys.map((key) => plan.stage(key)));
      return { published };
    },

    /** The accuracy that an earlier run measured. */
    async readAccuracy(input: { plan: string; key: StageKey }): Promise<{ accuracy: number | null }> {
      const { correct, value } = await readEvaluation(await store.read({ kind: 'evaluate', key: input.key }));
      return { accuracy: correct === null ? null : value };
    },

    /** Keeps why a stage failed for good, for the results. */
    async recordFailure(input: { plan: string; key: StageKey; error: string }): Promise<void> {
      const plan = await loadPlan(store, input.plan);
      const { kind, key } = plan.stage(input.key);
      await recordFailure(store.root, { kind, key }, input.error);
    },

    /** Aggregates those trials of a cell that came out. */
    async score(input: { plan: string; cell: string }): Promise<void> {
      const plan = await loadPlan(store, input.plan);
      const cell = plan.cells.find(({ id }) => id === input.cell);
      if (cell === undefined)
        throw ApplicationFailure.nonRetryable(`plan ${input.plan} has no cell ${input.cell}`);
      await scoreCell(store, cell, worker);
    },

    /** Publishes the report; returns the table for the UI. */
    async report(input: { plan: string; sweep: string }): Promise<{ markdown: string; report: string }> {
      const plan = await loadPlan(store, input.plan);
      return publishReport(store, await collectResults(store, plan, worker), worker);
    },
  };
}

export type OrchestratorActivities = ReturnType<typeof createOrchestratorActivities>;

/** A user's mistake is final: no retry finds another file. */
async function forUsers<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw ApplicationFailure.nonRetryable(error.message, 'UserError');
    throw error;
  }
}
