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

/** What a task is measured by. */
export interface Metric {
  /** "accuracy", "risk" */
  name: string;
  higherIsBetter: boolean;
}

/** What a trial measured on the test split; the interval is over its items. */
export interface Score extends Interval {
  metric: Metric;
  value: number;
  /** Items of the test split. */
  total: number;
  /** Items answered rightly; null for a metric that is no share of items. */
  correct: number | null;
}

export type MeanInterval = Interval & { mean: number };

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
  score?: Score;
  /** What else was measured on the test split, by name: AUROC, ECE, parts of grades. */
  measures?: Record<string, number>;
  /** How its answers compare with the weak supervisor's, by name: agreement, misfit, error similarity. */
  besideWeak?: Record<string, number>;
  /** The score along the fine-tuning steps. */
  trajectory?: { step: number; score: number }[];
  /** Loss along fine-tuning. */
  training?: { step: number; loss: number }[];
  /** The key of the evaluation that the score was read from, and everything behind it, inputs first. */
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
  /** What its score is; null where no trial of the row is done. */
  metric: Metric | null;
  score: MeanInterval | null;
  /** Null for the weak supervisor and the ceiling, whose PGR is 0 and 1 by definition, and where a cell lacks either. */
  pgr: GapRecovered | null;
  /** Means over the cells that have them. */
  measures: Record<string, MeanInterval>;
  besideWeak: Record<string, MeanInterval>;
}

/** A method beside the reference, over the cells that have both. Differences are method − reference, in the metric. */
export interface Comparison {
  /** Null: over all tasks and pairs. */
  group: { task: string; weak: string; strong: string } | null;
  method: string;
  role: TrialRole;
  reference: string;
  metric: Metric;
  cells: number;
  difference: MeanInterval;
  /** Holds together with those of the others of its family: methods, or controls, compared with one reference. */
  simultaneous: Interval;
  /** Two-sided p of no difference; null for one cell. */
  p: number | null;
  /** The same, corrected for its family (Holm). */
  adjusted: number | null;
  /** The difference that such a comparison finds with 80 % probability. */
  detectable: number | null;
  /** Shares of the variance of the mean: "seed", "task", "items", "cell". */
  variance: Record<string, number>;
}

/** A method over all tasks and pairs of a sweep. */
export interface OverallSummary {
  method: string;
  role: TrialRole;
  cells: number;
  /** The median over tasks and pairs of the PGR over each one's cells. */
  median: Interval & { value: number | null; tasks: number; excluded: number };
  /** PGR over all cells, which counts that cells share tasks, pairs and seeds; null where metrics differ. */
  pgr: GapRecovered | null;
}

/** Scores against a parameter that the sweep gives several numbers: examples, items, … */
export interface ParameterCurve {
  group: { task: string; weak: string; strong: string };
  /** Whose parameter it is. */
  of: 'task' | 'method';
  parameter: string;
  /** The other values that vary: "length=3". */
  others: string;
  /** A method and what else it says: "icl-refinement contexts=4". */
  series: string;
  role: TrialRole;
  metric: Metric;
  /** In the order of the parameter. */
  points: { at: number; score: MeanInterval; cells: number }[];
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
  comparisons: Comparison[];
  /** Empty where there is one task and one pair. */
  overall: OverallSummary[];
  curves: ParameterCurve[];
  trials: TrialResult[];
  /** Every stage behind the trials, once. */
  stages: StageUse[];
  data: DataReport[];
  /** When and where each stage ran: the only part that differs between two runs of one plan. */
  timings: StageTiming[];
}
