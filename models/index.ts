/** @file The engine on its own: what a program imports to fine-tune, predict and generate with a model. */
import { type Prediction, type PredictionOptions, predictions } from './classify.js';
import { withAdapter } from './huggingface/adapted.js';
import { openModel, type OpenOptions } from './huggingface/open.js';

export { type Prediction } from './classify.js';
export {
  finetune,
  type FinetuneOptions,
  type FinetuneProgress,
  type FinetuneResult,
  Interrupted,
} from './finetune/finetune.js';

export interface PredictOptions extends PredictionOptions, OpenOptions {
  /** A folder, an ONNX file, or `owner/name[@revision]` on the hub. */
  readonly model: string;
  /** Folder of a PEFT adapter that is merged into the model. */
  readonly adapter?: string;
}

/** Predictions for the rows of `data`, in their order, one after the other as they are computed. */
export async function* openPredictions(options: PredictOptions): AsyncGenerator<Prediction> {
  const { model, adapter, ...rest } = options;
  const opened = await openModel(model, rest);
  if (adapter === undefined) {
    yield* predictions(opened, rest);
    return;
  }
  const adapted = await withAdapter(opened, adapter);
  try {
    yield* predictions(adapted.model, rest);
  } finally {
    await adapted.remove();
  }
}

/** Predictions for all rows of `data`, in their order. */
export async function predict(options: PredictOptions): Promise<Prediction[]> {
  const found: Prediction[] = [];
  for await (const prediction of openPredictions(options)) found.push(prediction);
  return found;
}
