/** @file Training: programs of any number of sizes over one state, K steps at a time or a step from several parts. */
import type ort from 'onnxruntime-node';
import { fedOf, stateNames, tensorNames } from './definition.js';
import { type Device, deviceEntry } from './device.js';
import { onHost } from './download.js';
import type { TrainingProgram } from './program.js';
import { toOrt } from './session.js';
import {
  batchTensors,
  checked,
  dispose,
  hostTensors,
  numberOf,
  type OrtTensors,
  prefixed,
  readState,
  replaced,
  withoutPrefix,
  zeros,
} from './ort-tensors.js';
import { joinReports, type RunReport, type StepReport, stepReports } from './reports.js';
import { SessionSet } from './session-set.js';
import type { Tensors, TrainingState } from './state.js';
import type { TensorData } from './tensor.js';
import { explainRun, NonFiniteError, withBefore } from './training-errors.js';

export type { RunReport, StepReport } from './reports.js';
export { initialState, type Tensors, type TrainingState } from './state.js';

/** What one step is fed: input → elements, of the input's shape. */
export type Batch = Readonly<Record<string, TensorData>>;

/** A part of a step's batch, and the program of its size. */
export interface MicroBatch {
  readonly program: TrainingProgram;
  readonly batch: Batch;
}

/**
 * Runs programs that share one state: those of one architecture and one optimizer, at whatever sizes.
 *
 * In host memory, where a whole step is one run, the state lives in two sets of buffers that take turns as what goes in
 * and what comes out, since a node may still read the old value when the new one is written; where gradients are
 * accumulated first, one set is enough. On a device that keeps the state, what a run puts out takes the place of what it
 * was fed, and is never seen here until somebody asks for it.
 */
export class Trainer {
  readonly #program: TrainingProgram;
  readonly #device: Device;
  readonly #sessions: SessionSet;
  readonly #frozen: Readonly<OrtTensors>;
  #current: OrtTensors;
  #spare: OrtTensors | undefined;
  #gradients: OrtTensors | undefined;
  #lost: unknown;

  private constructor(
    program: TrainingProgram,
    device: Device,
    sessions: SessionSet,
    state: TrainingState & { ownsState: boolean },
  ) {
    this.#program = program;
    this.#device = device;
    this.#sessions = sessions;
    this.#frozen = Object.fromEntries(
      fedOf(program.parameters).map(({ name, shape }) => [
        name,
        toOrt(checked(`parameter ${name}`, shape, state.parameters[name])),
      ]),
    );
    this.#current = Object.fromEntries(
      stateNames(program.parameters, program.slots).map(({ name, type }) => [
        name,
        toOrt({ shape: type.shape, data: readState(state, name, type.shape, !state.ownsState) }),
      ]),
    );
  }

  /**
   * @param program one of those that will be run; each says what the state is made of
   * @param ownsState the state's arrays become the trainer's, which writes to them; otherwise it copies them
   * @throws where the state lacks a tensor of the program or has it in another shape
   */
  static async create(
    program: TrainingProgram,
    state: TrainingState,
    device: Device,
    { ownsState = false }: { ownsState?: boolean } = {},
  ): Promise<Trainer> {
    const sessions = new SessionSet(device);
    try {
      await sessions.open(program);
      return new Trainer(program, device, sessions, { ...state, ownsState });
    } catch (error) {
      await sessions.release();
      throw error;
    }
  }

  /** Steps taken since the beginning of the training, over all processes that had a part in it. */
  get step(): number {
    return Number((this.#current['step'] as ort.Tensor).data[0]);
  }

  /**
   * One step for each batch, in one call of ONNX Runtime where the program is a `scan`, which blocks this thread until
   * they are done: keep it to a second or so.
   *
   * @param program of the batches' size, `scan` or `step`; default: the one that the trainer was created with
   * @throws NonFiniteError where a loss is no number; the state is then that before the step of this loss
   * @throws OutOfMemoryError; the state is then that before the run
   */
  async run(batches: readonly Batch[], program = this.#program): Promise<RunReport> {
    if (batches.length === 0) throw new RangeError('a run needs at least one batch');
    this.#checkSteps(batches.length);
    const parts =
      program.form === 'scan'
        ? [batches]
        : program.form === 'step'
          ? batches.map((batch) => [batch])
          : undefined;
    if (parts === undefined)
      throw new Error(`a program of the form "${program.form}" takes no steps of its own`);
    const runs: RunReport[] = [];
    for (const part of parts) {
      try {
        runs.push(await this.#steps(program, part));
      } catch (error) {
        throw withBefore(error, runs.flatMap(stepReports));
      }
    }
    return runs.length === 1 ? (runs[0] as RunReport) : joinReports(runs);
  }

  /**
   * One step from the gradients of all parts together, each of its own size: the same numbers, but for rounding, as
   * of one batch that holds them all.
   *
   * @param apply the program of the form `apply`
   * @throws NonFiniteError, OutOfMemoryError: the state is then that before the step
   */
  async accumulate(parts: readonly MicroBatch[], apply: TrainingProgram): Promise<StepReport> {
    this.#checkSteps(1);
    const sums = new Map<string, number>();
    let squares = 0;
    let gradients = this.#clearedGradients();
    for (const [index, { program, batch }] of parts.entries()) {
      const results = await this.#run(
        program,
        {
          ...this.#frozen,
          step: this.#current['step'] as ort.Tensor,
          ...this.#only('parameter'),
          ...gradients,
          ...batchTensors(program, [batch], index, false),
        },
        this.#resident ? undefined : prefixed(gradients),
      );
      if (this.#resident) gradients = replaced(gradients, results);
      const [total, count] = [numberOf(results, 'total'), numberOf(results, 'count')];
      if (!Number.isFinite(total)) throw new NonFiniteError('loss', total, this.step + 1);
      squares = numberOf(results, 'squares');
      const addUp = (name: string, value: number) => sums.set(name, (sums.get(name) ?? 0) + value);
      addUp('total', total);
      addUp('count', count);
      for (const name of program.metrics) addUp(name, count * numberOf(results, name));
    }
    const count = sums.get('count') ?? 0;
    if (count === 0) throw new RangeError(`nothing counts in the batch of step ${this.step + 1}`);
    // Asked before anything is overwritten.
    if (!Number.isFinite(squares)) {
      throw new NonFiniteError('norm of the gradients', Math.sqrt(squares), this.step + 1);
    }
    const { gradientNorm, learningRate } = await this.#apply(apply, gradients, count);
    const means = parts.flatMap(({ program }) => program.metrics);
    return {
      loss: (sums.get('total') ?? 0) / count,
      gradientNorm,
      learningRate,
      metrics: Object.fromEntries([...new Set(means)].map((name) => [name, (sums.get(name) ?? 0) / count])),
    };
  }

  /** The parameters as they are now. The tensors may be the trainer's own: read them before the next run. */
  async parameters(): Promise<Tensors> {
    this.#checkState();
    const trained = await onHost(this.#only('parameter'), this.#device);
    return { ...withoutPrefix(trained), ...hostTensors(this.#frozen) };
  }

  /** A copy of the state, from which another trainer goes on as if it were this one. */
  async state(): Promise<TrainingState> {
    return this.#stateNow(true);
  }

  /** The state as it is now, for a file. The tensors may be the trainer's own: read them before the next run. */
  async currentState(): Promise<TrainingState> {
    return this.#stateNow(false);
  }

  /** Gives the sessions back, and the memory of a device. The trainer is not used after. */
  async release(): Promise<void> {
    dispose(this.#current);
    await this.#sessions.release();
  }

  async #steps(program: TrainingProgram, batches: readonly Batch[]): Promise<RunReport> {
    const spare = this.#resident ? undefined : (this.#spare ??= this.#emptyState());
    const first = this.step;
    const scans = program.form === 'scan';
    const results = await this.#run(
      program,
      { ...this.#frozen, ...this.#current, ...batchTensors(program, batches, 0, scans) },
      spare === undefined ? undefined : prefixed(spare),
    );
    const report = (name: string) => (results[name] as ort.Tensor).data as Float32Array;
    const [loss, gradientNorm] = [report('loss'), report('gradientNorm')];
    const bad = loss.findIndex((value, i) => !Number.isFinite(value) || !Number.isFinite(gradientNorm[i]));
    if (bad >= 0) {
      if (spare === undefined) dispose(results);
      // The old state is still there: up to the bad step the steps are taken once more.
      const before = bad > 0 ? stepReports(await this.#steps(program, batches.slice(0, bad))) : [];
      const [what, value] = Number.isFinite(loss[bad])
        ? (['norm of the gradients', gradientNorm[bad]] as const)
        : (['loss', loss[bad]] as const);
      throw new NonFiniteError(what, value as number, first + bad + 1, before);
    }
    if (spare === undefined) this.#current = replaced(this.#current, results);
    else [this.#current, this.#spare] = [spare, this.#current];
    return {
      loss,
      gradientNorm,
      learningRate: report('learningRate'),
      metrics: Object.fromEntries(program.metrics.map((name) => [name, report(name)])),
    };
  }

  /** The new state is written where the old one was: if this fails, there is none. */
  async #apply(apply: TrainingProgram, gradients: OrtTensors, count: number) {
    const { step, ...rest } = this.#current as OrtTensors & { step: ort.Tensor };
    try {
      const results = await this.#run(
        apply,
        { step, ...rest, ...gradients, count: toOrt({ shape: [], data: Float32Array.of(count) }) },
        this.#resident ? undefined : prefixed(rest),
      );
      if (this.#resident) {
        dispose(gradients);
        this.#current = { step, ...replaced(rest, results) };
      }
      (step.data as BigInt64Array)[0] = BigInt(this.step + 1);
      return {
        gradientNorm: numberOf(results, 'gradientNorm'),
        learningRate: numberOf(results, 'learningRate'),
      };
    } catch (error) {
      this.#lost = error;
      throw error;
    }
  }

  /** @param into where the new state is written; none: it stays on the device. */
  async #run(program: TrainingProgram, feeds: OrtTensors, into: OrtTensors | undefined): Promise<OrtTensors> {
    this.#checkState();
    const reports: Record<string, null> = Object.fromEntries(program.reports.map((name) => [name, null]));
    const { session } = await this.#sessions.open(program);
    try {
      // Where outputs stay on the device, all of them have to be fetched: ONNX Runtime tells them by their places.
      if (into === undefined) return await session.run(feeds);
      return await session.run(feeds, { ...reports, ...into });
    } catch (error) {
      throw explainRun(error, program.sizes);
    }
  }

  async #stateNow(copy: boolean): Promise<TrainingState> {
    this.#checkState();
    const tensors = async (kind: string): Promise<Tensors> =>
      withoutPrefix(await onHost(this.#only(kind), this.#device), copy);
    const slots: Record<string, Tensors> = {};
    for (const slot of this.#program.slots) slots[slot] = await tensors(slot);
    const parameters = { ...(await tensors('parameter')), ...hostTensors(this.#frozen, copy) };
    return { step: this.step, parameters, slots };
  }

  get #resident(): boolean {
    return deviceEntry(this.#device).training === 'resident';
  }

  #checkState(): void {
    if (this.#lost !== undefined) {
      throw new Error('the state was lost when a step failed: go on from the last checkpoint', {
        cause: this.#lost,
      });
    }
  }

  #checkSteps(count: number): void {
    const { steps } = this.#program;
    if (this.step + count <= steps) return;
    throw new RangeError(
      `${count} steps after step ${this.step} are more than the ${steps} of this training`,
    );
  }

  #only(kind: string): OrtTensors {
    return Object.fromEntries(
      tensorNames(kind, this.#program.parameters).map(({ name }) => [
        name,
        this.#current[name] as ort.Tensor,
      ]),
    );
  }

  #emptyState(): OrtTensors {
    return zeros(stateNames(this.#program.parameters, this.#program.slots));
  }

  #clearedGradients(): OrtTensors {
    if (this.#gradients === undefined) {
      this.#gradients = zeros(tensorNames('gradient', this.#program.parameters));
    } else {
      for (const { data } of Object.values(this.#gradients)) (data as Float32Array).fill(0);
    }
    return this.#gradients;
  }
}
