/** @file What a model is trained as: its own head or a new one, and the loss that goes with it. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { outputsOf, type Task } from '../data/example.js';
import { classifierTask } from '../huggingface/config.js';
import type { ImportedNetwork } from '../huggingface/network.js';
import { classLoss, multiLabelLoss, squaredErrorLoss } from '../losses/classification.js';
import { languageModelLoss, maskedLanguageModelLoss } from '../losses/language-model.js';
import type { TuningLoss } from '../losses/loss.js';
import { type RowHead, rowHeadOf } from '../network-heads.js';
import type { FullSettings } from './settings.js';

export interface TrainedTask {
  readonly task: Task;
  /** A head that the model lacks. */
  readonly head?: RowHead;
  readonly loss: TuningLoss;
}

/** @throws UserError where the model cannot be trained as what was asked for */
export function trainedTask(
  network: ImportedNetwork,
  config: JsonObject,
  settings: Pick<FullSettings, 'head' | 'classes' | 'pooling'>,
): TrainedTask {
  const { head, pooling } = settings;
  if (network.kind === 'classification') return ownClassifier(network, config, settings);
  if (head === 'language' || (head === undefined && network.kind === 'language')) {
    if (network.kind !== 'language') {
      throw new UserError(
        `${network.file.path} has no language model's head: it puts out hidden states alone`,
      );
    }
    const masked = isMasked(config);
    return {
      task: masked ? { kind: 'language', masked } : { kind: 'language' },
      loss: masked ? maskedLanguageModelLoss : languageModelLoss,
    };
  }
  const task = newHeadTask(network, config, settings);
  const where = pooling === 'cls' ? 'first' : pooling;
  return { task, head: rowHeadOf(network, outputsOf(task), where), loss: lossOf(task) };
}

function ownClassifier(
  network: ImportedNetwork,
  config: JsonObject,
  { head, classes, pooling }: Pick<FullSettings, 'head' | 'classes' | 'pooling'>,
): TrainedTask {
  const outputs = outputsIn(network);
  const { path } = network.file;
  if (head === 'language') throw new UserError(`${path} is a classifier, not a language model`);
  if (pooling !== undefined) {
    throw new UserError(`${path} has a classifier's head with its own pooling: --pooling is for a new head`);
  }
  const wanted = head === 'reward' ? 1 : classes;
  if (wanted !== undefined && wanted !== outputs) {
    throw new UserError(
      `${path} is a classifier of ${outputs} classes, and ${wanted} were asked for. For another number of classes, ` +
        'export the model without its head (optimum-cli export onnx --task feature-extraction) and put a new one on it',
    );
  }
  const task = classifierTask(config, outputs);
  return { task, loss: lossOf(task) };
}

/** How many classes a classifier's file puts out. */
function outputsIn({ file }: ImportedNetwork): number {
  const output = file.graph.output.find(({ name }) => name === 'logits') ?? file.graph.output[0];
  const type = output?.type?.value;
  const dim = type?.case === 'tensorType' ? type.value.shape?.dim.at(-1)?.value : undefined;
  if (dim?.case === 'dimValue' && dim.value > 0n) return Number(dim.value);
  throw new UserError(`${file.path} does not say how many classes it puts out; export the model again`);
}

function newHeadTask(
  network: ImportedNetwork,
  config: JsonObject,
  { head, classes }: Pick<FullSettings, 'head' | 'classes'>,
): Exclude<Task, { kind: 'language' }> {
  if (head === 'reward') return { kind: 'score' };
  if (head === undefined) {
    throw new UserError(
      `${network.file.path} is a model without a head. Say what to train it as: --head classification --classes N, or --head reward`,
    );
  }
  if (classes === undefined)
    throw new UserError('--head classification needs the number of classes: --classes N');
  const { problem_type: problem, id2label } = config;
  return classifierTask({ problem_type: problem ?? null, id2label: id2label ?? null }, classes);
}

function lossOf(task: Exclude<Task, { kind: 'language' }>): TuningLoss {
  switch (task.kind) {
    case 'classes':
      return classLoss(task.classes);
    case 'multi-label':
      return multiLabelLoss(task.classes);
    case 'score':
      return squaredErrorLoss();
  }
}

function isMasked({ architectures }: JsonObject): boolean {
  return (
    Array.isArray(architectures) &&
    architectures.some((name) => typeof name === 'string' && name.endsWith('ForMaskedLM'))
  );
}
