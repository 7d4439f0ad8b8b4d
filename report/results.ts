/** @file What a sweep found, as data: the one shape behind the table, the report and every export. */

export type TrialRole = 'weak' | 'ceiling' | 'method' | 'control';

/** A two-sided interval. Infinite ends are written as null in JSON. */
export interface Interval {
  low: number | null;
  high: number | null;
  /** 0.95 */
  level: number;
}

export interface Proportion extends Interval {
  value: number;
  correct: number;
  total: number;
}

/** PGR over cells (Fieller). `exclusive`: the confidence set is everything outside (low, high). */
export interface GapRecovered extends Interval {
  value: number | null;
  cells: number;
  kind: 'bounded' | 'exclusive' | 'unbounded';
}

export interface StageUse {
  kind: string;
  key: string;
  title: string;
  /** Keys of its inputs, for the plan's graph and lineage. */
  inputs: string[];
}

export interface TrialResult {
  /** "dialects[dialect=3] weak→strong naive[labels=hard] seed 0" */
  id: string;
  task: string;
  /** The values that a list in the sweep gave this trial's task: { dialect: 3 }. */
  taskValues: Record<string, unknown>;
  weak: string;
  strong: string;
  /** "naive", "icl-refinement examples=4 contexts=1", … : the row of the table. */
  method: string;
  methodValues: Record<string, unknown>;
  role: TrialRole;
  seed: number;
  /** Trials of one cell share it. */
  cell: string;
  status: 'done' | 'failed' | 'missing';
  /** Named stage and reason: "pretrain strong: out of memory". */
  error?: string;
  accuracy?: Proportion;
  /** Test accuracy along the fine-tuning steps. */
  trajectory?: { step: number; accuracy: number }[];
  /** Loss along fine-tuning. */
  training?: { step: number; loss: number }[];
  /** The key of the evaluation that the accuracy was read from, and everything behind it, inputs first. */
  evaluation: string;
}

/** One row of the table: a method on a task and pair, over its cells. */
export interface MethodSummary {
  task: string;
  weak: string;
  strong: string;
  method: string;
  role: TrialRole;
  cells: number;
  failed: number;
  accuracy: (Interval & { mean: number }) | null;
  /** Null for the weak supervisor and the ceiling, whose PGR is 0 and 1 by definition, and where a cell lacks either. */
  pgr: GapRecovered | null;
}

export interface StageTiming {
  kind: string;
  key: string;
  title: string;
  /** ISO times. */
  started: string;
  finished: string;
  /** Which worker: "cpu:0 (pid 4711)". */
  worker: string;
  attempt: number;
}

export interface DataReport {
  task: string;
  seed: number;
  /** Named counts in reading order: rows, rows with line breaks, unique texts, conflicting, split sizes … */
  counts: Record<string, number>;
  notes: string[];
}

export interface Results {
  sweep: string;
  plan: string;
  device: string;
  summaries: MethodSummary[];
  trials: TrialResult[];
  /** Every stage behind the trials, once. */
  stages: StageUse[];
  data: DataReport[];
  /** When and where each stage ran: the only part that differs between two runs of one plan. */
  timings: StageTiming[];
}
