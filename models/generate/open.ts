/** @file A generator for a model by whatever people call it, with its tokenizer, and an adapter merged in if asked. */
import { wholeDevice } from '../../onnx/device.js';
import { withAdapter } from '../huggingface/adapted.js';
import { type OpenedModel, openModel, type OpenOptions } from '../huggingface/open.js';
import { type HfTokenizer, loadTokenizer } from '../huggingface/tokenizer.js';
import { Generator } from './generator.js';

export interface OpenGeneratorOptions extends OpenOptions {
  /** `cpu:2`, `webgpu`, `cuda:0`; default cpu. */
  readonly device?: string;
  /** Folder of a PEFT adapter that is merged into the model. */
  readonly adapter?: string;
}

export interface OpenedGenerator {
  readonly generator: Generator;
  readonly model: OpenedModel;
  readonly tokenizer?: HfTokenizer;
  release(): Promise<void>;
}

/** Opens a folder, an ONNX file, or `owner/name[@revision]` on the hub. Release it. */
export async function openGenerator(
  reference: string,
  options: OpenGeneratorOptions = {},
): Promise<OpenedGenerator> {
  const { device = 'cpu', adapter, ...rest } = options;
  const parsed = wholeDevice(device);
  const opened = await openModel(reference, rest);
  if (adapter === undefined) return generatorOf(opened, parsed, async () => {});
  const adapted = await withAdapter(opened, adapter);
  try {
    return await generatorOf(adapted.model, parsed, adapted.remove);
  } catch (error) {
    await adapted.remove();
    throw error;
  }
}

async function generatorOf(
  model: OpenedModel,
  device: ReturnType<typeof wholeDevice>,
  remove: () => Promise<void>,
): Promise<OpenedGenerator> {
  const tokenizer = model.hasTokenizer ? await loadTokenizer(model.folder) : undefined;
  const generator = await Generator.open({ ...model, device, tokenizer });
  const release = async (): Promise<void> => {
    await generator.release();
    await remove();
  };
  return { generator, model, tokenizer, release };
}
