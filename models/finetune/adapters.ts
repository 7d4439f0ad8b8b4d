/** @file Which adapters are trained: new ones, or those of a PEFT folder to go on with. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { Tensors } from '../../onnx/state.js';
import { adapterTensors, readAdapter } from '../export/adapter.js';
import type { ImportedNetwork } from '../huggingface/network.js';
import { defaultTargetsOf, type LoraConfig, targetsOf } from '../lora.js';
import type { Selection } from '../selection.js';
import type { FinetuneSettings, FullSettings } from './settings.js';

export interface TrainedAdapters {
  readonly lora: LoraConfig;
  /** What of the network itself is trained beside them. */
  readonly train: Selection;
  /** Values to begin with. */
  readonly initial: Tensors;
}

/**
 * PEFT trains a classifier's own head along with adapters (modules_to_save), whichever modules have names that end
 * like this.
 */
const headOfClassifiers = '(?:.*\\.)?[^.]*(?:classifier|score)\\..*';

/** @throws UserError where a folder's adapter does not fit the network, or flags contradict it */
export async function trainedAdapters(
  network: ImportedNetwork,
  config: JsonObject,
  settings: FullSettings,
  { adapter, given }: { adapter?: string; given: FinetuneSettings },
): Promise<TrainedAdapters> {
  const train = trainedBeside(network);
  const { rank, alpha, dropout, rankStabilized } = settings.lora;
  if (adapter === undefined) {
    const targets = settings.lora.targets ?? defaultTargetsOf(modelTypeOf(config));
    return { lora: { rank, alpha, dropout, rankStabilized, targets }, train, initial: {} };
  }
  const read = await readAdapter(adapter);
  checkAgainstFlags(adapter, read.config, given);
  const odd = read.modules.find(
    (module) => module.rank !== read.config.rank || module.alpha !== read.config.alpha,
  );
  if (odd !== undefined) {
    throw new UserError(
      `${adapter}: ${odd.name} has rank ${odd.rank} and alpha ${odd.alpha}, others ${read.config.rank} and ${read.config.alpha}; ` +
        'adapters of several ranks are predicted and generated with, not trained on',
    );
  }
  const names = read.modules.map(({ name }) => name);
  const wanted = targetsOf(network.linears, read.config).map(({ name }) => name);
  const missing = [
    ...names.filter((name) => !wanted.includes(name)),
    ...wanted.filter((name) => !names.includes(name)),
  ];
  if (missing.length > 0) {
    throw new UserError(
      `${adapter} does not fit this model: ${missing[0]} is in one of the two only (the model has ${wanted.length} layers that ` +
        `its targets name, the adapter ${names.length})`,
    );
  }
  return {
    lora: { ...read.config, ...(given.loraDropout === undefined ? {} : { dropout: given.loraDropout }) },
    train,
    initial: { ...adapterTensors(read), ...Object.fromEntries(read.saved) },
  };
}

function trainedBeside({ kind, parameters }: ImportedNetwork): Selection {
  const pattern = new RegExp(`^(?:${headOfClassifiers})$`, 'u');
  const hasHead = kind === 'classification' && parameters.some(({ name }) => pattern.test(name));
  return hasHead ? { matching: headOfClassifiers } : 'none';
}

function modelTypeOf({ model_type: type }: JsonObject): string {
  if (typeof type === 'string') return type;
  throw new UserError(
    'config.json does not say the model_type: name the layers that get adapters (--lora-targets)',
  );
}

function checkAgainstFlags(folder: string, config: LoraConfig, given: FinetuneSettings): void {
  const pairs: [flag: string, value: unknown, has: unknown][] = [
    ['lora-rank', given.loraRank, config.rank],
    ['lora-alpha', given.loraAlpha, config.alpha],
    ['use-rslora', given.useRslora, config.rankStabilized ?? false],
    ['lora-targets', given.loraTargets, config.targets],
  ];
  for (const [flag, value, has] of pairs) {
    if (value === undefined || JSON.stringify(value) === JSON.stringify(has)) continue;
    throw new UserError(
      `--${flag} ${JSON.stringify(value)} contradicts ${folder}, whose adapter has ${JSON.stringify(has)}; leave the flag out`,
    );
  }
}
