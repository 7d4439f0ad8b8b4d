/** @file The training loop of `pretrain` and `finetune`: steps in chunks, checkpoints, a record along the way. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDevice } from '../onnx/device.js';
import type { TrainingProgram } from '../onnx/program.js';
import { initialState, Trainer, type Batch, type Tensors, type TrainingState } from '../onnx/trainer.js';
import { readTrainingState, writeTrainingState } from '../onnx/training-state.js';
import type { StageContext } from './context.js';

/** Seconds between checkpoints: what a kill costs at most, and what writing them may cost. */
const checkpointSeconds = 5;
/** Steps are given to ONNX Runtime in chunks of about so many seconds: how soon a stage hears that it should stop. */
const chunkSeconds = 0.4;

export interface TrainingRun<Recorded> {
  readonly program: TrainingProgram;
  readonly steps: number;
  /** Before the first step. */
  readonly parameters: Tensors;
  /** What step `step` (from 0) is fed: a function of the step alone, so that a resumed training sees the same data. */
  readonly batchAt: (step: number) => Batch;
  /** Steps after which {@link record} is called; 0 is before the first. */
  readonly recordAt?: ReadonlySet<number>;
  readonly record?: (step: number, parameters: Tensors) => Promise<Recorded>;
}

export interface Trained<Recorded> {
  readonly parameters: Tensors;
  /** One a step. */
  readonly losses: number[];
  readonly recorded: Recorded[];
}

/** What a checkpoint holds beside the training state. */
interface Along<Recorded> {
  losses: number[];
  recorded: Recorded[];
}

/** Trains to the end, from the newest checkpoint where there is one: the bytes are the same either way. */
export async function train<Recorded>(
  context: StageContext,
  run: TrainingRun<Recorded>,
): Promise<Trained<Recorded>> {
  const { program, steps, recordAt, record } = run;
  const begun = await resume<Recorded>(context, run);
  const { losses, recorded } = begun.along;
  const trainer = await Trainer.create(program, begun.state, parseDevice(`cpu:${context.threads}`));
  try {
    const recordHere = async (): Promise<void> => {
      if (record !== undefined && recordAt?.has(trainer.step) === true) {
        recorded.push(await record(trainer.step, await trainer.parameters()));
      }
    };
    const save = (): Promise<void> => saveCheckpoint(context, trainer, { losses, recorded });
    if (trainer.step === 0) await recordHere();
    const pace = new Pace(context.stepsAtOnce);
    let saved = performance.now();
    while (trainer.step < steps) {
      if (await context.stopping()) {
        if (trainer.step > 0) await save();
        await context.breathe();
      }
      const count = Math.min(pace.steps, steps - trainer.step, untilNext(recordAt, trainer.step));
      const first = trainer.step;
      const batches = Array.from({ length: count }, (_, index) => run.batchAt(first + index));
      const began = performance.now();
      const { loss } = await trainer.run(batches);
      pace.note(count, (performance.now() - began) / 1000);
      losses.push(...loss);
      await recordHere();
      context.progress({
        step: trainer.step,
        of: steps,
        loss: loss.at(-1)!,
        stepsPerSecond: pace.stepsPerSecond,
      });
      if (performance.now() - saved > checkpointSeconds * 1000 && trainer.step < steps) {
        await save();
        saved = performance.now();
      }
    }
    // The trainer's tensors go back to it on release.
    const { parameters } = await trainer.state();
    return { parameters, losses, recorded };
  } finally {
    await trainer.release();
  }
}

async function resume<Recorded>(
  context: StageContext,
  { program, parameters }: TrainingRun<Recorded>,
): Promise<{ state: TrainingState; along: Along<Recorded> }> {
  const checkpoint = await context.checkpoints.latest();
  if (checkpoint === undefined) {
    return { state: initialState(program, parameters), along: { losses: [], recorded: [] } };
  }
  const path = join(checkpoint.folder, 'state.safetensors');
  return {
    state: await readTrainingState(path),
    along: JSON.parse(await readFile(join(checkpoint.folder, 'along.json'), 'utf8')) as Along<Recorded>,
  };
}

async function saveCheckpoint<Recorded>(
  context: StageContext,
  trainer: Trainer,
  along: Along<Recorded>,
): Promise<void> {
  await context.checkpoints.save(trainer.step, async (folder) => {
    await writeTrainingState(join(folder, 'state.safetensors'), await trainer.currentState());
    await writeFile(join(folder, 'along.json'), JSON.stringify(along));
  });
}

function untilNext(recordAt: ReadonlySet<number> | undefined, step: number): number {
  let nearest = Infinity;
  for (const at of recordAt ?? []) if (at > step) nearest = Math.min(nearest, at - step);
  return nearest;
}

/** How many steps fit into a chunk. Their number changes no result. */
class Pace {
  readonly #atMost: number;
  #secondsPerStep: number | undefined;

  constructor(atMost: number) {
    this.#atMost = atMost;
  }

  get steps(): number {
    if (this.#secondsPerStep === undefined) return 1;
    return Math.min(this.#atMost, Math.max(1, Math.floor(chunkSeconds / this.#secondsPerStep)));
  }

  get stepsPerSecond(): number {
    return this.#secondsPerStep === undefined ? 0 : 1 / this.#secondsPerStep;
  }

  note(steps: number, seconds: number): void {
    this.#secondsPerStep = seconds / steps;
  }
}
