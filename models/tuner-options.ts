/** @file What a tuner is told, and what follows from it: which parameters there are, and which of them are trained. */
import { UserError } from '../base/errors.js';
import type { TrainingDefinition } from '../onnx/definition.js';
import { type Device, deviceEntry } from '../onnx/device.js';
import type { Optimizer } from '../onnx/optimizer.js';
import type { ParameterSpec } from '../onnx/program.js';
import type { Schedule } from '../onnx/schedule.js';
import type { HostTensor } from '../onnx/tensor.js';
import type { Tensors, TrainingState } from '../onnx/trainer.js';
import type { LoraConfig } from './lora.js';
import type { TuningLoss } from './losses/loss.js';
import type { Network, Sizes } from './network.js';
import { type RowHead, rowHeadParameters } from './network-heads.js';
import { type Selection, selected } from './selection.js';
import {
  type Subject,
  sizesText,
  tuningInputs,
  tuningLoss,
  type TuningSizes,
  usedParameters,
} from './tuning.js';

export interface TunerOptions {
  readonly network: Network;
  /** A parameter's elements in PyTorch's layout. */
  readonly read: (spec: ParameterSpec) => Promise<HostTensor<Float32Array>>;
  readonly loss: TuningLoss;
  /** A new head on top; none: the network's own output is read. */
  readonly head?: RowHead;
  /** What of the network is trained. Default: everything, or with adapters nothing but them and a new head. */
  readonly train?: Selection;
  readonly lora?: LoraConfig;
  /** Values to begin with in the place of the network's, of zeros (a new head) and of PEFT's start (adapters). */
  readonly initial?: Tensors;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Of the whole training. */
  readonly steps: number;
  readonly clipNorm?: number;
  /** What weight decay acts on: all parameters, as torch.optim.AdamW(model.parameters()), or no vectors. Default all. */
  readonly decay?: 'all' | 'matrices';
  /** Activations are computed again in the backward pass instead of being kept. Default false. */
  readonly recompute?: boolean;
  /** Of adapters' start and dropout. */
  readonly seed: number | string;
  readonly device: Device;
  /** Default float32. */
  readonly dtype?: 'float32' | 'float16';
  /** To go on from; as `Tuner.state()` gave it. Its arrays are the tuner's from then on, which writes to them. */
  readonly state?: TrainingState;
}

/** A program's definition; without a loss and sizes for the update alone. */
export function definitionOf(
  {
    optimizer,
    schedule,
    steps,
    clipNorm,
    recompute = false,
  }: Pick<TunerOptions, 'optimizer' | 'schedule' | 'steps' | 'clipNorm' | 'recompute'>,
  parameters: readonly ParameterSpec[],
  inputs: TrainingDefinition['inputs'],
  loss: TrainingDefinition['loss'],
  sizes?: Sizes,
): TrainingDefinition {
  return {
    parameters,
    inputs,
    loss,
    optimizer,
    schedule,
    steps,
    recompute,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(sizes === undefined ? {} : { sizes: sizesText(sizes) }),
  };
}

/**
 * Every parameter that the loss depends on, and whether it is trained. The others PyTorch would leave as they are, too.
 *
 * @throws UserError where nothing is trained
 */
export async function specsOf(options: TunerOptions, subject: Subject): Promise<ParameterSpec[]> {
  const { network, head, lora } = subject;
  const { train = lora === undefined ? 'full' : 'none', decay = 'all' } = options;
  const added = [
    ...(head === undefined ? [] : rowHeadParameters(head, network.width)),
    ...(lora?.parameters ?? []),
  ];
  // Packed integers do not train, and are read from where they lie: they are in the loss without being asked for.
  const isPacked = ({ stored }: ParameterSpec) => stored?.quantized !== undefined;
  const all = [...network.parameters.map((spec) => ({ ...spec, trainable: !isPacked(spec) })), ...added];
  const sizes: TuningSizes = {
    batch: 1,
    length: Math.min(8, network.context),
    places: subject.loss.reads === 'tokens' ? 1 : 0,
    positions: false,
    segments: false,
  };
  const sized = await network.at(sizes);
  const specs = new Map(all.map((spec) => [spec.name, spec]));
  const used = usedParameters(tuningLoss(subject, sized, sizes, specs), all, tuningInputs(subject, sizes));
  const names = new Set([
    ...selected(network.parameters, train, head !== undefined),
    ...added.map(({ name }) => name),
  ]);
  const result = all
    .filter((spec) => used.has(spec.name) || isPacked(spec))
    .map((spec) => ({
      ...spec,
      trainable: names.has(spec.name) && !isPacked(spec),
      ...(decay === 'all' ? { decay: true } : {}),
    }));
  if (!result.some(({ trainable }) => trainable)) {
    throw new UserError('nothing is trained: choose some parameters, adapters or a new head');
  }
  return result;
}

/** @throws UserError where the device cannot compute in the type that is asked for */
export function checkType({ dtype = 'float32', device }: TunerOptions): void {
  const { computeTypes } = deviceEntry(device);
  if ((computeTypes as readonly string[]).includes(dtype)) return;
  throw new UserError(
    `a ${device.kind} computes in ${computeTypes.join(' or ')}, not in ${dtype}: leave --dtype out, or choose another device (temper devices)`,
  );
}
