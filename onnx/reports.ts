/** @file What training steps report. */

/** One number for each step of a run. */
export interface RunReport {
  readonly loss: Float32Array;
  /** Global norm of the gradients, before clipping. */
  readonly gradientNorm: Float32Array;
  readonly learningRate: Float32Array;
  readonly metrics: Readonly<Record<string, Float32Array>>;
}

/** One step's numbers. */
export interface StepReport {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A run step by step. */
export function stepReports({ loss, gradientNorm, learningRate, metrics }: RunReport): StepReport[] {
  return Array.from(loss, (value, i) => ({
    loss: value,
    gradientNorm: gradientNorm[i] as number,
    learningRate: learningRate[i] as number,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, all]) => [name, all[i] as number])),
  }));
}

/** Runs one after the other as one. */
export function joinReports(runs: readonly RunReport[]): RunReport {
  const joined = (of: (run: RunReport) => Float32Array) =>
    Float32Array.from(runs.flatMap((run) => [...of(run)]));
  const names = Object.keys(runs[0]?.metrics ?? {});
  return {
    loss: joined(({ loss }) => loss),
    gradientNorm: joined(({ gradientNorm }) => gradientNorm),
    learningRate: joined(({ learningRate }) => learningRate),
    metrics: Object.fromEntries(
      names.map((name) => [name, joined(({ metrics }) => metrics[name] as Float32Array)]),
    ),
  };
}
