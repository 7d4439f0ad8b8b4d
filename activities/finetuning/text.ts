/** @file Fine-tuning of the built-in GPT on answers in words: cross entropy of each answer's tokens. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { canonicalJson } from '../../base/json.js';
import { taskNamed } from '../../datasets/tasks.js';
import { anyLossNamed } from '../../methods/definition/registry.js';
import { loadModel, saveModel } from '../../models/model.js';
import { answerBatch, answerProgram, answerRow, answerSize } from '../../models/text/training.js';
import { folderOf } from '../artifacts.js';
import type { StageContext, StageFunction } from '../context.js';
import { writeCurve } from '../curve.js';
import { epochOrder } from '../order.js';
import { train } from '../training-loop.js';
import { stepsOf, trainingOf } from '../training-settings.js';
import { trajectoryFile, type Trajectory } from '../trajectory.js';
import { finetuneOnPairs } from './preference.js';
import { finetuneRequest, labelledItems } from './request.js';

/** Answers are learnt by this one; losses that compare two answers are for pairs. */
const supervision = 'cross-entropy';

/** Supervised training, or, where the loss compares two answers, training on the pairs that the labels bring. */
export const finetuneOnText: StageFunction = async (context) => {
  const { loss } = finetuneRequest(context);
  if (loss.name === supervision) return finetuneOnAnswers(context);
  if (anyLossNamed(loss.name).reads === 'policy') return finetuneOnPairs(context);
  throw new UserError(
    `${context.stage.title}: the loss ${loss.name} compares probabilities of choices, and answers in words have none. ` +
      `Words are learnt by ${supervision}, or in pairs (vote-pairs).`,
  );
};

/** Leaves a model folder, training.json, and a trajectory without points: writing every answer along the way costs more than training. */
async function finetuneOnAnswers(context: StageContext): Promise<object> {
  const asked = finetuneRequest(context);
  const task = taskNamed(asked.task);
  const base = await loadModel(folderOf(context.input('model')));
  const labelled = await labelledItems(context, asked);
  const reader = { tokenizer: base.tokenizer, context: base.config.context };
  const answered = labelled.filter(({ label }) => (label.answer ?? '').trim() !== '');
  if (answered.length === 0) {
    throw new UserError(
      `${context.stage.title}: all ${labelled.length} answers are empty. Look at who gave them: a model that ends its ` +
        'answer at once has not learnt to answer.',
    );
  }
  if (answered.length < labelled.length)
    context.log(`${labelled.length - answered.length} empty answers are left out`);
  const rows = answered.map(({ item, label, weight }) =>
    answerRow(reader, { id: item.id, prompt: task.prompt(item, []), answer: label.answer!, weight }),
  );
  const size = answerSize(rows);
  const training = trainingOf(asked.training, stepsOf(asked.training, rows.length));
  const order = epochOrder(rows.length, training.batch, asked.seed, 'finetune');
  context.log(
    `${rows.length} answers, ${training.steps} steps of ${training.batch}, sequences of ${size.length}`,
  );
  const trained = await train(context, {
    program: answerProgram(base.config, { ...size, training }),
    steps: training.steps,
    parameters: base.parameters,
    batchAt: (step) =>
      answerBatch(
        order(step).map((index) => rows[index]!),
        size,
      ),
  });
  await saveModel(context.folder, { ...base, parameters: trained.parameters });
  await writeCurve(context.folder, trained.losses);
  const trajectory: Trajectory = { ids: [], points: [] };
  await writeFile(join(context.folder, trajectoryFile), canonicalJson(trajectory));
  return {};
}
