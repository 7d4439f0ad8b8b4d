/** @file Fine-tuning of the built-in GPT on pairs: as a reward model, or as a policy beside its reference. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { canonicalJson } from '../../base/json.js';
import { taskNamed } from '../../datasets/tasks.js';
import type { Loss } from '../../methods/definition/loss.js';
import type { LossChoice } from '../../methods/definition/method.js';
import { anyLossNamed } from '../../methods/definition/registry.js';
import { withHead } from '../../models/heads.js';
import { loadModel, saveModel, type Model } from '../../models/model.js';
import { Judge, preferences } from '../../models/preference/judge.js';
import { rewardHead } from '../../models/preference/network.js';
import type { Pair } from '../../models/preference/pair.js';
import {
  policyBatch,
  policyProgram,
  scoreBatch,
  scoreProgram,
  type PairRow,
} from '../../models/preference/program.js';
import { type Reading, untrainedReading, writeReading } from '../../models/preference/reading.js';
import { pairSize } from '../../models/preference/rows.js';
import type { Training } from '../../models/training.js';
import { parseDevice } from '../../onnx/device.js';
import type { TrainingProgram } from '../../onnx/program.js';
import type { Batch } from '../../onnx/trainer.js';
import { argMax } from '../answering/label.js';
import { pairReader } from '../answering/pairs.js';
import { likelihoodsOf, openReference } from '../answering/preference.js';
import { folderOf } from '../artifacts.js';
import type { StageContext, StageFunction } from '../context.js';
import { writeCurve } from '../curve.js';
import { epochOrder } from '../order.js';
import { train } from '../training-loop.js';
import { stepsOf, trainingOf } from '../training-settings.js';
import { trajectoryFile, type Trajectory, type TrajectoryPoint } from '../trajectory.js';
import { finetuneRequest, labelledItems, recordedSteps, trackedOf } from './request.js';

/** A model before its training, and how it will answer after. */
interface Beginning {
  readonly model: Model;
  readonly reading: Reading;
}

/**
 * Leaves a model folder with preference.json, training.json and trajectory.json. A batch counts pairs. Losses over choices
 * see a reward model's two scores as the logits of the two choices. Labels of tasks that are answered in words bring the
 * pair along: the better and the worse text.
 */
export const finetuneOnPairs: StageFunction = async (context) => {
  const asked = finetuneRequest(context);
  const task = taskNamed(asked.task);
  const choice = asked.loss as LossChoice;
  const loss = anyLossNamed(choice.name);
  const { model, reading } = begin(context, await loadModel(folderOf(context.input('model'))), loss, choice);
  const reader = pairReader(context, task, model);
  const inWords = task.answer !== 'preference';
  const taught = (await labelledItems(context, asked)).map(({ item, label, weight }): PairRow => {
    if (inWords) return { pair: reader.ofTexts(item, label), target: [1, 0], weight };
    const target = label.probabilities as unknown as readonly [number, number];
    return { pair: reader.ofQuestion({ item }), target, weight };
  });
  const tracked = inWords ? [] : await trackedOf(context, asked);
  const followed = tracked.map((item) => reader.ofQuestion({ item }));
  reader.told();

  const beside = loss.reads === 'policy' && loss.reference ? await openReference(context, model) : undefined;
  const judge = new Judge(model, { device: parseDevice(`cpu:${context.threads}`) });
  try {
    const rows = beside === undefined ? taught : await withReference(beside, taught);
    const before = beside === undefined ? {} : { reference: await likelihoodsOf(beside, followed) };
    const training = trainingOf(asked.training, stepsOf(asked.training, rows.length));
    const order = epochOrder(rows.length, training.batch, asked.seed, 'finetune');
    const { program, batchOf } = programOf(model, loss, choice, rows, training);
    context.log(`${rows.length} pairs, ${training.steps} steps of ${training.batch}`);
    const trained = await train<TrajectoryPoint>(context, {
      program,
      steps: training.steps,
      parameters: model.parameters,
      batchAt: (step) => batchOf(order(step).map((index) => rows[index]!)),
      // Answers in words are not followed: they would have to be written.
      ...(inWords ? {} : { recordAt: recordedSteps(training.steps) }),
      record: async (step, parameters) => ({
        step,
        labels: (await preferences(judge, reading, followed, { ...before, parameters })).map(argMax),
      }),
    });
    await saveModel(context.folder, { ...model, parameters: trained.parameters });
    await writeReading(context.folder, reading);
    await writeCurve(context.folder, trained.losses);
    const trajectory: Trajectory = { ids: tracked.map(({ id }) => id), points: trained.recorded };
    await writeFile(join(context.folder, trajectoryFile), canonicalJson(trajectory));
    return {};
  } finally {
    await judge.release();
    await beside?.release();
  }
};

function begin(context: StageContext, base: Model, loss: Loss, choice: LossChoice): Beginning {
  if (loss.reads !== 'policy') {
    const parameters =
      base.head === undefined ? withHead(base.config, rewardHead, base.parameters) : base.parameters;
    return { model: { ...base, head: rewardHead, parameters }, reading: { by: 'score' } };
  }
  if (base.head !== undefined) {
    throw new UserError(
      `${context.stage.title}: a model with a head has no log-probabilities. Begin with a language model.`,
    );
  }
  const otherwise = loss.reference ? ({ by: 'implicit-reward', scale: 1 } as const) : untrainedReading;
  return { model: base, reading: loss.reading?.(choice) ?? otherwise };
}

/** Computed once: the reference is frozen. */
async function withReference(reference: Judge, rows: readonly PairRow[]): Promise<PairRow[]> {
  const likelihoods = await likelihoodsOf(
    reference,
    rows.map(({ pair }) => pair),
  );
  const at = (index: number): number => likelihoods[index]!.logProbability;
  return rows.map((row, index) => ({ ...row, reference: [at(2 * index), at(2 * index + 1)] }));
}

function programOf(
  { config }: Model,
  loss: Loss,
  choice: LossChoice,
  rows: readonly PairRow[],
  training: Training,
): { program: TrainingProgram; batchOf: (rows: readonly PairRow[]) => Batch } {
  const candidates = rows.flatMap(({ pair }): Pair => pair);
  const sizes = pairSize(candidates, config.context);
  if (loss.reads === 'policy') {
    const { reference, build } = loss;
    return {
      program: policyProgram(config, sizes.policy, training, {
        reference,
        loss: (inputs) => build(inputs, choice),
      }),
      batchOf: (part) => policyBatch(part, sizes.policy, reference),
    };
  }
  const settled =
    loss.reads === 'choices'
      ? loss.settle?.(
          choice,
          rows.map(({ target }) => target),
        )
      : undefined;
  return {
    program: scoreProgram(config, sizes.scores, training, ({ scores, ...inputs }) =>
      loss.reads === 'choices'
        ? loss.build({ ...inputs, logits: scores }, settled ?? choice)
        : loss.build({ ...inputs, scores }, choice),
    ),
    batchOf: (part) => scoreBatch(part, sizes.scores),
  };
}
