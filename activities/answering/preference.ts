/** @file The built-in GPT on pairs of responses: by a reward, or by how likely it finds each. */
import { UserError } from '../../base/errors.js';
import { loadModel, type Model } from '../../models/model.js';
import { Judge, preferences } from '../../models/preference/judge.js';
import type { Pair } from '../../models/preference/pair.js';
import { readReading, type Likelihood } from '../../models/preference/reading.js';
import { Predictor } from '../../models/predict.js';
import { parseDevice } from '../../onnx/device.js';
import { folderOf } from '../artifacts.js';
import type { StageContext } from '../context.js';
import type { OpenAnswerer } from './answerer.js';
import { labelOf } from './label.js';
import { pairReader } from './pairs.js';

/** How the model answers stands in its folder (preference.json); what it is compared with is the stage's `reference`. */
export const openPreference: OpenAnswerer = async ({ context, task, folder }) => {
  const model = await loadModel(folder);
  const reading = await readReading(folder);
  const device = parseDevice(`cpu:${context.threads}`);
  const judge = new Judge(model, { device });
  const reference = reading.by === 'implicit-reward' ? await openReference(context, model) : undefined;
  const pairs = pairReader(context, task, model);
  let predictor: Predictor | undefined;
  return {
    async answers(questions) {
      const asked = questions.map((question) => pairs.ofQuestion(question));
      pairs.told();
      const beside = reference === undefined ? {} : { reference: await likelihoodsOf(reference, asked) };
      const answers = await preferences(judge, reading, asked, beside);
      return questions.map(({ item }, index) => labelOf(item.id, answers[index]!));
    },
    /** Of the first candidate less those of the second: what a linear function prefers is linear in it. */
    async activations(items, layer = Math.floor(model.config.layers / 2)) {
      predictor ??= await Predictor.create(model, { device });
      const candidates = items.flatMap((item) => pairs.ofQuestion({ item }));
      pairs.told();
      const rows = await predictor.activations(candidates, layer);
      return items.map((_, index) => {
        const [first, second] = [rows[2 * index]!, rows[2 * index + 1]!];
        return first.map((value, unit) => value - second[unit]!);
      });
    },
    async release() {
      await judge.release();
      await reference?.release();
      await predictor?.release();
    },
  };
};

/** The model that the stage names as reference. */
export async function openReference(context: StageContext, model: Model): Promise<Judge> {
  if (!context.has('reference')) {
    throw new UserError(
      `${context.stage.title}: the model was trained beside a reference (DPO) and answers by how far it has moved from ` +
        'it; without the reference it has no answer. Use a reward model, SimPO or ORPO as a supervisor.',
    );
  }
  const reference = await loadModel(folderOf(context.input('reference')));
  if (JSON.stringify(reference.tokenizer.toJSON()) !== JSON.stringify(model.tokenizer.toJSON()))
    throw new RangeError(`${context.stage.title}: the model and its reference read different tokens`);
  return new Judge(reference, { device: parseDevice(`cpu:${context.threads}`) });
}

/** Of the candidates of pairs, behind one another. */
export function likelihoodsOf(judge: Judge, pairs: readonly Pair[]): Promise<Likelihood[]> {
  return judge.likelihoods(pairs.flat());
}
