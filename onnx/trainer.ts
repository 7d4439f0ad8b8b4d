/** @file Training: programs of any number of sizes over one state, K steps at a time or a step from several parts. */
import type ort from 'onnxruntime-node';
import { fedOf, stateNames, tensorNames } from './definition.js';
import type { Device } from './device.js';
import type { TrainingProgram } from './program.js';
import { toOrt } from './session.js';
import { SessionSet } from './session-set.js';
import type { Tensors, TrainingState } from './state.js';
import { allocate, dtypeOf, type HostTensor, sizeOf, type TensorData } from './tensor.js';
import { explainRun, NonFiniteError } from './training-errors.js';

export { initialState, type Tensors, type TrainingState } from './state.js';

/** What one step is fed: input → elements, of the input's shape. */
export type Batch = Readonly<Record<string, TensorData>>;

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

/** A part of a step's batch, and the program of its size. */
export interface MicroBatch {
  readonly program: TrainingProgram;
  readonly batch: Batch;
}

type OrtTensors = Record<string, ort.Tensor>;

/**
 * Runs programs that share one state: those of one architecture and one optimizer, at whatever sizes.
 *
 * Where a whole step is one run, the state lives in two sets of buffers that take turns as what goes in and what comes
 * out, since a node may still read the old value when the new one is written. Where gradients are accumulated first,
 * one set is enough.
 */
export class Trainer {
  readonly #program: TrainingProgram;
  readonly #sessions: SessionSet;
  readonly #frozen: Readonly<OrtTensors>;
  #current: OrtTensors;
  #spare: OrtTensors | undefined;
  #gradients: OrtTensors | undefined;
  #lost: unknown;

  private constructor(program: TrainingProgram, sessions: SessionSet, state: TrainingState) {
    this.#program = program;
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
        toOrt({ shape: type.shape, data: readState(state, name, type.shape) }),
      ]),
    );
  }

  /**
   * @param program one of those that will be run; each says what the state is made of
   * @throws where the state lacks a tensor of the program or has it in another shape
   */
  static async create(program: TrainingProgram, state: TrainingState, device: Device): Promise<Trainer> {
    const sessions = new SessionSet(device);
    try {
      await sessions.open(program);
      return new Trainer(program, sessions, state);
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
    for (const part of parts) runs.push(await this.#steps(program, part));
    const joined = (of: (run: RunReport) => Float32Array) =>
      Float32Array.from(runs.flatMap((run) => [...of(run)]));
    if (runs.length === 1) return runs[0] as RunReport;
    return {
      loss: joined(({ loss }) => loss),
      gradientNorm: joined(({ gradientNorm }) => gradientNorm),
      learningRate: joined(({ learningRate }) => learningRate),
      metrics: Object.fromEntries(
        program.metrics.map((name) => [name, joined(({ metrics }) => metrics[name] as Float32Array)]),
      ),
    };
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
    const gradients = this.#clearedGradients();
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
        prefixed(gradients),
      );
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

  /** The parameters as they are now. The tensors are the trainer's own: read them before the next run. */
  parameters(): Tensors {
    this.#checkState();
    const trained = Object.entries(this.#only('parameter')).map(([name, tensor]) => {
      return [name.slice('parameter:'.length), tensor] as const;
    });
    return Object.fromEntries(
      [...trained, ...Object.entries(this.#frozen)].map(([name, tensor]) => {
        return [name, { shape: tensor.dims, data: tensor.data as Float32Array }];
      }),
    );
  }

  /** A copy of the state, from which another trainer goes on as if it were this one. */
  state(): TrainingState {
    this.#checkState();
    const copies = (kind: string): Tensors =>
      Object.fromEntries(
        tensorNames(kind, this.#program.parameters).map(({ name, type: { shape } }) => {
          const { data } = this.#current[name] as ort.Tensor;
          return [name.slice(kind.length + 1), { shape, data: (data as Float32Array).slice() }];
        }),
      );
    const frozen = Object.entries(this.#frozen).map(([name, tensor]) => {
      return [name, { shape: tensor.dims, data: (tensor.data as Float32Array).slice() }] as const;
    });
    return {
      step: this.step,
      parameters: { ...copies('parameter'), ...Object.fromEntries(frozen) },
      slots: Object.fromEntries(this.#program.slots.map((slot) => [slot, copies(slot)])),
    };
  }

  /** Gives the sessions back. The trainer is not used after. */
  async release(): Promise<void> {
    await this.#sessions.release();
  }

  async #steps(program: TrainingProgram, batches: readonly Batch[]): Promise<RunReport> {
    this.#spare ??= this.#emptyState();
    const first = this.step;
    const scans = program.form === 'scan';
    const results = await this.#run(
      program,
      { ...this.#frozen, ...this.#current, ...batchTensors(program, batches, 0, scans) },
      prefixed(this.#spare),
    );
    const report = (name: string) => (results[name] as ort.Tensor).data as Float32Array;
    const [loss, gradientNorm] = [report('loss'), report('gradientNorm')];
    const bad = loss.findIndex((value, i) => !Number.isFinite(value) || !Number.isFinite(gradientNorm[i]));
    if (bad >= 0) {
      // The old state is still there: up to the bad step the steps are taken once more.
      if (bad > 0) await this.#steps(program, batches.slice(0, bad));
      const [what, value] = Number.isFinite(loss[bad])
        ? (['norm of the gradients', gradientNorm[bad]] as const)
        : (['loss', loss[bad]] as const);
      throw new NonFiniteError(what, value as number, first + bad + 1);
    }
    [this.#current, this.#spare] = [this.#spare, this.#current];
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
        prefixed(rest),
      );
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

  async #run(program: TrainingProgram, feeds: OrtTensors, into: OrtTensors): Promise<OrtTensors> {
    this.#checkState();
    const reports = program.reports.map((name) => [name, null]);
    const { session } = await this.#sessions.open(program);
    try {
      return await session.run(feeds, { ...Object.fromEntries(reports), ...into });
    } catch (error) {
      throw explainRun(error, program.sizes);
    }
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

function zeros(names: ReturnType<typeof stateNames>): OrtTensors {
  return Object.fromEntries(
    names.map(({ name, type }) => {
      return [name, toOrt({ shape: type.shape, data: allocate(type.dtype, sizeOf(type.shape)) })];
    }),
  );
}

function prefixed(tensors: OrtTensors): OrtTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`next:${name}`, tensor]));
}

function numberOf(results: OrtTensors, name: string): number {
  return (results[name] as ort.Tensor).data[0] as number;
}

function readState(state: TrainingState, name: string, shape: readonly number[]): TensorData {
  if (name === 'step') return BigInt64Array.of(BigInt(state.step));
  const [kind, key] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
  const tensors = kind === 'parameter' ? state.parameters : state.slots[kind];
  return checked(`${kind} ${key}`, shape, tensors?.[key]).data.slice();
}

function checked(
  what: string,
  shape: readonly number[],
  tensor: HostTensor<Float32Array> | undefined,
): HostTensor<Float32Array> {
  if (tensor === undefined) throw new Error(`the training state lacks ${what}`);
  if (tensor.shape.join() === shape.join()) return tensor;
  throw new Error(
    `the training state has ${what} as [${tensor.shape.join(', ')}], the program as [${shape.join(', ')}]`,
  );
}

/** The batches one behind the other; without a Scan the only one, in its own shape. */
function batchTensors(
  { inputs }: TrainingProgram,
  batches: readonly Batch[],
  firstIndex: number,
  scans: boolean,
): OrtTensors {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const data = allocate(dtype, batches.length * sizeOf(shape));
      batches.forEach((batch, i) => {
        copyInto(data, batch[name], { name, dtype, size: sizeOf(shape), at: i, index: firstIndex + i });
      });
      return [`batch:${name}`, toOrt({ shape: scans ? [batches.length, ...shape] : shape, data, dtype })];
    }),
  );
}

function copyInto(
  all: TensorData,
  part: TensorData | undefined,
  { name, dtype, size, at, index }: { name: string; dtype: string; size: number; at: number; index: number },
): void {
  if (part === undefined || dtypeOf(part) !== dtype || part.length !== size) {
    const given = part === undefined ? 'nothing' : `${part.length} of ${dtypeOf(part)}`;
    throw new Error(
      `batch ${index}: input "${name}" takes ${size} elements of ${dtype}, and was given ${given}`,
    );
  }
  (all as Float32Array).set(part as Float32Array, at * size);
}
