/** @file The engine on its own: what a program imports to fine-tune, predict and generate with a model. */
import { type Prediction, type PredictionOptions, predictions } from './classify.js';
import type { Generated } from './generate/row.js';
import type { RunOptions } from './generate/generator.js';
import { openGenerator, type OpenGeneratorOptions } from './generate/open.js';
import { conversationPrompt, textPrompt } from './generate/prompts.js';
import type { GenerateOptions } from './generate/settings.js';
import { withAdapter } from './huggingface/adapted.js';
import type { ChatMessage } from './huggingface/chat-template.js';
import { openModel, type OpenOptions } from './huggingface/open.js';
import { wholeDevice } from '../onnx/device.js';
import { requireDevice } from '../onnx/probe.js';
import type { HfTokenizer } from './huggingface/tokenizer.js';

export type { Prediction } from './classify.js';
export { openGenerator } from './generate/open.js';
export type { Generated } from './generate/row.js';
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
  await requireDevice(wholeDevice(options.device));
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

/** A text to go on with, a conversation to answer, or token ids. */
export type GeneratePrompt = string | readonly ChatMessage[] | readonly number[];

export interface GenerateRequest
  extends OpenGeneratorOptions, GenerateOptions, Omit<RunOptions, 'indices' | 'onToken'> {
  /** A folder, an ONNX file, or `owner/name[@revision]` on the hub. */
  readonly model: string;
  readonly prompts: readonly GeneratePrompt[];
  /** Called with each piece of text as soon as it is certain, whichever row it belongs to. */
  readonly onText?: (text: string, place: { row: number; sample: number }) => void;
}

/** Continuations of every prompt, by prompt and sample. To generate again and again, keep an {@link openGenerator}. */
export async function generate({
  model,
  prompts,
  onText,
  ...options
}: GenerateRequest): Promise<Generated[]> {
  const opened = await openGenerator(model, options);
  try {
    const rows = prompts.map((prompt) => idsOf(prompt, opened.tokenizer));
    return await opened.generator.generate(rows, {
      ...options,
      onToken: (place, _token, text) => onText?.(text, place),
    });
  } finally {
    await opened.release();
  }
}

function idsOf(prompt: GeneratePrompt, tokenizer: HfTokenizer | undefined): number[] {
  if (typeof prompt === 'string') return textPrompt(prompt, { tokenizer }).ids;
  if (isIds(prompt)) return [...prompt];
  return conversationPrompt(prompt, { tokenizer }).ids;
}

function isIds(prompt: readonly ChatMessage[] | readonly number[]): prompt is readonly number[] {
  return typeof prompt[0] === 'number';
}
