/** @file Training of any network: rows in, steps taken, parameters out; graphs for their sizes are made as they come. */
import { UserError } from '../base/errors.js';
import { fedOf, trainedOf } from '../onnx/definition.js';
import { deviceEntry } from '../onnx/device.js';
import { slotsOf } from '../onnx/optimizer.js';
import {
  buildTrainingProgram,
  type ParameterSpec,
  type ProgramForm,
  type TrainingProgram,
} from '../onnx/program.js';
import { stepReports } from '../onnx/reports.js';
import { type HostTensor, sizeOf } from '../onnx/tensor.js';
import {
  initialState,
  type MicroBatch,
  type StepReport,
  type Tensors,
  Trainer,
  type TrainingState,
} from '../onnx/trainer.js';
import { withBefore } from '../onnx/training-errors.js';
import { initialiseLora, type Lora, loraOf } from './lora.js';
import type { SizedNetwork, Sizes } from './network.js';
import { initialiseRowHead } from './network-heads.js';
import { checkType, definitionOf, specsOf, type TunerOptions } from './tuner-options.js';
import { type Subject, sizesKey, tuningInputs, tuningLoss, type TuningSizes } from './tuning.js';
import { type MicroRows, sizesOf, tuningBatch } from './tuning-batch.js';

export type { TunerOptions } from './tuner-options.js';

/** What the next step is made of: rows that go through the model together, one or several times. */
export type Step = readonly MicroRows[];

/** State up to this many bytes goes into and comes out of a run as a whole; more stays where it is. */
const smallState = 256 * 2 ** 20;

/** Without what the training began with, whose memory is needed. */
type Settings = Omit<TunerOptions, 'state' | 'initial'>;

export class Tuner {
  /** What is trained, by name; everything else stays as it was. */
  readonly trained: readonly ParameterSpec[];
  readonly lora: Lora | undefined;
  readonly #options: Settings;
  readonly #subject: Subject;
  readonly #specs: readonly ParameterSpec[];
  readonly #frozen: Tensors;
  readonly #trainer: Trainer;
  readonly #apply: TrainingProgram;
  readonly #sized = new Map<string, Promise<SizedNetwork>>();
  readonly #programs = new Map<string, TrainingProgram>();

  private constructor(
    options: Settings,
    subject: Subject,
    specs: readonly ParameterSpec[],
    { frozen, trainer, apply }: { frozen: Tensors; trainer: Trainer; apply: TrainingProgram },
  ) {
    this.#options = options;
    this.#subject = subject;
    this.#specs = specs;
    this.#frozen = frozen;
    this.#trainer = trainer;
    this.#apply = apply;
    this.trained = trainedOf(specs);
    this.lora = subject.lora;
  }

  /** @throws UserError where nothing is trained, or where what is asked for does not exist in this network */
  static async open(options: TunerOptions): Promise<Tuner> {
    checkType(options);
    const { state, initial, ...settings } = options;
    const { network, loss, head, lora: config, seed, read, device } = settings;
    const lora = config === undefined ? undefined : loraOf(network, config);
    const subject: Subject = { network, loss, head, lora };
    const specs = await specsOf(options, subject);
    const known = {
      ...(head === undefined ? {} : initialiseRowHead(head, network.width)),
      ...(lora === undefined ? {} : initialiseLora(lora, seed)),
      ...initial,
      ...state?.parameters,
    };
    const valuesOf = async (wanted: readonly ParameterSpec[]): Promise<Tensors> => {
      const values: Record<string, HostTensor<Float32Array>> = {};
      for (const spec of wanted) values[spec.name] = known[spec.name] ?? (await read(spec));
      return values;
    };
    const frozen = await valuesOf(fedOf(specs));
    const parameters = { ...(await valuesOf(trainedOf(specs))), ...frozen };
    const slots = slotsOf(settings.optimizer);
    const begun =
      state === undefined ? initialState({ parameters: specs, slots }, parameters) : { ...state, parameters };
    const apply = buildTrainingProgram(
      definitionOf(settings, specs, [], () => {
        throw new Error('gradients that are there already are applied without a loss');
      }),
      'apply',
      device.kind,
    );
    const trainer = await Trainer.create(apply, begun, device, { ownsState: state !== undefined });
    return new Tuner(settings, subject, specs, { frozen, trainer, apply });
  }

  /** Steps taken since the beginning, over all processes that had a part in it. */
  get step(): number {
    return this.#trainer.step;
  }

  /**
   * Takes steps, in order. Steps of one part each and of the same sizes run as one, which blocks this thread until
   * they are done; how they are grouped changes no bit.
   *
   * @returns one report a step
   * @throws NonFiniteError, OutOfMemoryError: {@link state} is then that after the last step that went well
   */
  async run(steps: readonly Step[]): Promise<StepReport[]> {
    const reports: StepReport[] = [];
    let waiting: MicroBatch[] = [];
    const runWaiting = async () => {
      const [first] = waiting;
      if (first === undefined) return;
      const batches = waiting.map(({ batch }) => batch);
      waiting = [];
      reports.push(...stepReports(await this.#trainer.run(batches, first.program)));
    };
    try {
      for (const parts of steps) {
        const made = await this.#parts(parts, this.step + waiting.length);
        const only = made[0] as MicroBatch;
        if (only.program.form === 'accumulate') {
          await runWaiting();
          reports.push(await this.#trainer.accumulate(made, this.#apply));
        } else {
          if (waiting.length > 0 && waiting[0]?.program !== only.program) await runWaiting();
          waiting.push(only);
        }
      }
      await runWaiting();
    } catch (error) {
      throw withBefore(error, reports);
    }
    return reports;
  }

  /** {@link run} for one step. */
  async take(step: Step): Promise<StepReport> {
    return (await this.run([step]))[0] as StepReport;
  }

  /** What is trained, as it is now. The tensors are the tuner's own: read them before the next step. */
  async parameters(): Promise<Tensors> {
    const now = await this.#trainer.parameters();
    return Object.fromEntries(this.trained.map(({ name }) => [name, now[name] as Tensors[string]]));
  }

  /** A copy of what the next step depends on; what is not trained is not in it. */
  async state(): Promise<TrainingState> {
    return this.#withoutFrozen(await this.#trainer.state());
  }

  /** {@link state} for a file, without a copy. The tensors may be the tuner's own: read them before the next step. */
  async currentState(): Promise<TrainingState> {
    return this.#withoutFrozen(await this.#trainer.currentState());
  }

  #withoutFrozen(state: TrainingState): TrainingState {
    const trained = Object.entries(state.parameters).filter(([name]) => this.#frozen[name] === undefined);
    return { ...state, parameters: Object.fromEntries(trained) };
  }

  /** Gives the sessions back. The tuner is not used after. */
  async release(): Promise<void> {
    await this.#trainer.release();
  }

  /** Large state is updated where it is, which takes a program of its own. */
  get #takesWholeSteps(): boolean {
    const elements = this.trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    return 4 * elements * (1 + slotsOf(this.#options.optimizer).length) <= smallState;
  }

  async #parts(parts: Step, step: number): Promise<MicroBatch[]> {
    if (parts.length === 0) throw new RangeError(`step ${step + 1} has no rows`);
    const form = parts.length === 1 && this.#takesWholeSteps ? this.#wholeForm : 'accumulate';
    const made: MicroBatch[] = [];
    for (const [part, rows] of parts.entries()) {
      const sizes = sizesOf(this.#subject, rows);
      made.push({
        program: await this.#programFor(sizes, form),
        batch: tuningBatch(this.#subject, rows, sizes, { seed: this.#options.seed, step, part }),
      });
    }
    return made;
  }

  get #wholeForm(): ProgramForm {
    return deviceEntry(this.#options.device).training === 'scan' ? 'scan' : 'step';
  }

  async #programFor(sizes: TuningSizes, form: ProgramForm): Promise<TrainingProgram> {
    const key = `${form} ${sizesKey(sizes)}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const specs = new Map(this.#specs.map((spec) => [spec.name, spec]));
    const loss = tuningLoss(this.#subject, await this.#sizedFor(sizes), sizes, specs);
    const definition = definitionOf(
      this.#options,
      this.#specs,
      tuningInputs(this.#subject, sizes),
      loss,
      sizes,
    );
    const program = buildTrainingProgram(definition, form, this.#options.device.kind);
    this.#programs.set(key, program);
    return program;
  }

  #sizedFor({ batch, length }: Sizes): Promise<SizedNetwork> {
    const { network } = this.#subject;
    if (length > network.context) {
      throw new UserError(
        `sequences of ${length} tokens are longer than the model's ${network.context} positions`,
      );
    }
    const key = `${batch} ${length}`;
    const sized = this.#sized.get(key) ?? network.at({ batch, length });
    this.#sized.set(key, sized);
    return sized;
  }
}
