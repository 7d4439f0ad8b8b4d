/** @file Training: a program, its state, and K steps at a time. */
import type ort from 'onnxruntime-node';
import type { Device } from './device.js';
import { stateNames, type TrainingProgram } from './program.js';
import { openSession, type SessionLease, toOrt } from './session.js';
import { allocate, dtypeOf, type HostTensor, sizeOf, type TensorData } from './tensor.js';

export type Tensors = Readonly<Record<string, HostTensor<Float32Array>>>;

/** Everything that the next step depends on, the data aside. */
export interface TrainingState {
  /** Steps taken. */
  readonly step: number;
  /** Trained and frozen parameters. */
  readonly parameters: Tensors;
  /** Slot of the optimizer (`first`, `second`) → trained parameter → tensor. */
  readonly slots: Readonly<Record<string, Tensors>>;
}

/** What one step is fed: input → elements, of the input's shape. */
export type Batch = Readonly<Record<string, TensorData>>;

/** One number for each step of a run. */
export interface RunReport {
  readonly loss: Float32Array;
  /** Global norm of the gradients, before clipping. */
  readonly gradientNorm: Float32Array;
  readonly metrics: Readonly<Record<string, Float32Array>>;
}

/** The state before the first step. */
export function initialState(program: TrainingProgram, parameters: Tensors): TrainingState {
  const trained = program.parameters.filter(({ trainable = true }) => trainable);
  const zeros = () =>
    Object.fromEntries(
      trained.map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]),
    );
  return { step: 0, parameters, slots: Object.fromEntries(program.slots.map((slot) => [slot, zeros()])) };
}

/**
 * Runs a program's steps. The state lives in two sets of buffers that take turns as what goes in and what
 * comes out, since a node may still read the old value when the new one is written.
 */
export class Trainer {
  readonly #program: TrainingProgram;
  readonly #lease: SessionLease;
  readonly #frozen: Readonly<Record<string, ort.Tensor>>;
  #current: Record<string, ort.Tensor>;
  #spare: Record<string, ort.Tensor>;

  private constructor(program: TrainingProgram, lease: SessionLease, state: TrainingState) {
    this.#program = program;
    this.#lease = lease;
    const frozen = program.parameters.filter(({ trainable = true }) => !trainable);
    this.#frozen = Object.fromEntries(
      frozen.map(({ name, shape }) => [
        name,
        toOrt(checked(`parameter ${name}`, shape, state.parameters[name])),
      ]),
    );
    const names = stateNames(program.parameters, program.slots);
    this.#current = Object.fromEntries(
      names.map(({ name, type }) => [
        name,
        toOrt({ shape: type.shape, data: readState(state, name, type.shape) }),
      ]),
    );
    this.#spare = Object.fromEntries(
      names.map(({ name, type }) => {
        return [name, toOrt({ shape: type.shape, data: allocate(type.dtype, sizeOf(type.shape)) })];
      }),
    );
  }

  /** @throws where the state lacks a tensor of the program or has it in another shape. */
  static async create(program: TrainingProgram, state: TrainingState, device: Device): Promise<Trainer> {
    const lease = await openSession(program.model, device);
    try {
      return new Trainer(program, lease, state);
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /** Steps taken since the beginning of the training, over all processes that had a part in it. */
  get step(): number {
    return Number((this.#current['step'] as ort.Tensor).data[0]);
  }

  /**
   * One step for each batch, all in one call of ONNX Runtime, which blocks this thread until they are done:
   * keep it to a second or so.
   */
  async run(batches: readonly Batch[]): Promise<RunReport> {
    const { inputs, metrics, steps } = this.#program;
    if (batches.length === 0) throw new RangeError('a run needs at least one batch');
    if (this.step + batches.length > steps) {
      throw new RangeError(
        `${batches.length} steps after step ${this.step} are more than the ${steps} of this training`,
      );
    }
    const feeds: Record<string, ort.Tensor> = { ...this.#frozen, ...this.#current };
    for (const { name, dtype, shape } of inputs) {
      const data = allocate(dtype, batches.length * sizeOf(shape));
      batches.forEach((batch, i) => copyInto(data, batch[name], name, dtype, sizeOf(shape), i));
      feeds[`batch:${name}`] = toOrt({ shape: [batches.length, ...shape], data });
    }
    const reports = ['loss', 'gradientNorm', ...metrics];
    const fetches: Record<string, ort.Tensor | null> = Object.fromEntries(
      reports.map((name) => [name, null]),
    );
    for (const [name, tensor] of Object.entries(this.#spare)) fetches[`next:${name}`] = tensor;
    const results = await this.#lease.session.run(feeds, fetches);
    [this.#current, this.#spare] = [this.#spare, this.#current];
    const report = (name: string) => (results[name] as ort.Tensor).data as Float32Array;
    return {
      loss: report('loss'),
      gradientNorm: report('gradientNorm'),
      metrics: Object.fromEntries(metrics.map((name) => [name, report(name)])),
    };
  }

  /** The parameters as they are now. The tensors are the trainer's own: read them before the next run. */
  parameters(): Tensors {
    return Object.fromEntries(
      this.#program.parameters.map(({ name, shape, trainable = true }) => {
        const tensor = trainable ? this.#current[`parameter:${name}`] : this.#frozen[name];
        return [name, { shape, data: (tensor as ort.Tensor).data as Float32Array }];
      }),
    );
  }

  /** A copy of the state, from which another trainer goes on as if it were this one. */
  state(): TrainingState {
    const copies = (kind: string): Tensors =>
      Object.fromEntries(
        this.#program.parameters
          .filter(({ trainable = true }) => trainable)
          .map(({ name, shape }) => {
            const { data } = this.#current[`${kind}:${name}`] as ort.Tensor;
            return [name, { shape, data: (data as Float32Array).slice() }];
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

  /** Gives the session back. The trainer is not used after. */
  async release(): Promise<void> {
    await this.#lease.release();
  }
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

function copyInto(
  all: TensorData,
  part: TensorData | undefined,
  name: string,
  dtype: string,
  size: number,
  index: number,
): void {
  if (part === undefined || dtypeOf(part) !== dtype || part.length !== size) {
    const given = part === undefined ? 'nothing' : `${part.length} of ${dtypeOf(part)}`;
    throw new Error(
      `batch ${index}: input "${name}" takes ${size} elements of ${dtype}, and was given ${given}`,
    );
  }
  (all as Float32Array).set(part as Float32Array, index * size);
}
