/** @file Fine-tuning of the built-in GPT on choices: by its next token, or by a head over classes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../base/json.js';
import { taskNamed } from '../../datasets/tasks.js';
import type { LossChoice } from '../../methods/definition/method.js';
import { lossNamed } from '../../methods/definition/registry.js';
import { withHead } from '../../models/heads.js';
import { loadModel, saveModel } from '../../models/model.js';
import { Predictor } from '../../models/predict.js';
import { choiceBatch, choiceProgram, type ChoiceRow } from '../../models/training.js';
import { parseDevice } from '../../onnx/device.js';
import { argMax } from '../answering/label.js';
import { checkKnown, headOf, rowOf } from '../answering/rows.js';
import { folderOf } from '../artifacts.js';
import type { StageFunction } from '../context.js';
import { writeCurve } from '../curve.js';
import { epochOrder } from '../order.js';
import { train } from '../training-loop.js';
import { stepsOf, trainingOf } from '../training-settings.js';
import { trajectoryFile, type Trajectory, type TrajectoryPoint } from '../trajectory.js';
import { finetuneRequest, labelledItems, recordedSteps, trackedOf } from './request.js';

/** Sequences longer than this are padded to a multiple of it, so that similar data share one graph. */
const lengthUnit = 8;

export const finetuneOnChoices: StageFunction = async (context) => {
  const asked = finetuneRequest(context);
  const task = taskNamed(asked.task);
  const base = await loadModel(folderOf(context.input('model')));
  const labelled = await labelledItems(context, asked);
  const tracked = await trackedOf(context, asked);
  const head = headOf(
    task,
    labelled.map(({ item }) => item),
    asked.pooling,
  );
  const weighted = labelled.some(({ weight }) => weight !== 1);
  const rows: ChoiceRow[] = labelled.map(({ item, label, weight }) => ({
    ...rowOf(task, base, item),
    target: label.probabilities,
    ...(weighted ? { weight } : {}),
  }));
  checkKnown(base, rows, (line) => context.log(line));
  const followed = tracked.map((item) => rowOf(task, base, item));

  const choices = labelled[0]!.item.choices.length;
  const longest = rows.reduce((length, { tokens }) => Math.max(length, tokens.length), 0);
  const length = longest <= lengthUnit ? longest : Math.ceil(longest / lengthUnit) * lengthUnit;
  const size = { length: Math.min(length, base.config.context), choices, weighted };
  const training = trainingOf(asked.training, stepsOf(asked.training, rows.length));
  const loss = lossNamed(asked.loss.name, 'choices');
  const given = asked.loss as LossChoice;
  const settled = loss.settle?.(
    given,
    rows.map(({ target }) => target),
  );
  const order = epochOrder(rows.length, training.batch, asked.seed, 'finetune');
  context.log(
    `${rows.length} items, ${training.steps} steps of ${training.batch}, sequences of ${size.length}`,
  );

  const parameters = withHead(base.config, head, base.parameters);
  const device = parseDevice(`cpu:${context.threads}`);
  const predictor = await Predictor.create({ config: base.config, head, parameters }, { device });
  try {
    const trained = await train<TrajectoryPoint>(context, {
      program: choiceProgram(base.config, head, {
        ...size,
        training,
        loss: (inputs) => loss.build({ ...inputs, steps: training.steps }, settled ?? given),
      }),
      steps: training.steps,
      parameters,
      batchAt: (step) =>
        choiceBatch(
          order(step).map((index) => rows[index]!),
          size,
        ),
      recordAt: recordedSteps(training.steps),
      record: async (step, now) => ({
        step,
        labels: (await predictor.choiceProbabilities(followed, now)).map(argMax),
      }),
    });
    await saveModel(context.folder, { ...base, head, parameters: trained.parameters });
    await writeCurve(context.folder, trained.losses);
    const trajectory: Trajectory = { ids: tracked.map(({ id }) => id), points: trained.recorded };
    await writeFile(join(context.folder, trajectoryFile), canonicalJson(trajectory));
    return {};
  } finally {
    await predictor.release();
  }
};
