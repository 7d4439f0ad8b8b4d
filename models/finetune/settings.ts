/** @file How a model is fine-tuned: every setting by PyTorch's, PEFT's or transformers' name, with its default. */
import { UserError } from '../../base/errors.js';
import type { Format } from '../../datasets/rows.js';
import { wholeDevice } from '../../onnx/device.js';
import type { Optimizer } from '../../onnx/optimizer.js';
import type { Schedule } from '../../onnx/schedule.js';
import type { LossOn } from '../data/encode.js';
import type { WeightChoice } from '../huggingface/folder.js';

/** What a fine-tuning's numbers depend on, the model and the data aside. */
export interface FinetuneSettings {
  /** Which parameters are trained. Default: lora where anything about adapters is said, else full. */
  readonly train?: 'full' | 'head' | 'lora';
  /** What the model is trained as. Default: as what it was exported. */
  readonly head?: 'language' | 'classification' | 'reward';
  /** Classes of a new classification head. */
  readonly classes?: number;
  /** What a new head reads: the last token (default for language models), the first (for encoders), or the mean of all. */
  readonly pooling?: 'last' | 'cls' | 'mean';

  /** Default 8. */
  readonly loraRank?: number;
  /** Default 8. */
  readonly loraAlpha?: number;
  /** Module names, `all-linear`, or one regular expression. Default: PEFT's for the architecture. */
  readonly loraTargets?: string | readonly string[];
  /** Default 0. */
  readonly loraDropout?: number;
  /** Scale by α/√r instead of α/r. */
  readonly useRslora?: boolean;

  /** Default adamw. */
  readonly optimizer?: 'adamw' | 'sgd';
  /** Default 0.001. */
  readonly lr?: number;
  /** Default 0.9, 0.999. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** On every trained parameter. Default 0.01 for AdamW, 0 for SGD. */
  readonly weightDecay?: number;
  /** For SGD. Default 0. */
  readonly momentum?: number;
  /** Bound of the gradients' global norm; none: no bound. */
  readonly maxGradNorm?: number;
  /** Default constant. */
  readonly lrScheduler?: string;
  /** Steps of linear rise from 0. Default 0. */
  readonly warmupSteps?: number;

  /** Optimizer steps. Default: those of `epochs`. */
  readonly steps?: number;
  /** Times that the data are gone through. Default 3. */
  readonly epochs?: number;
  /** Rows of a micro-batch. Default 8. */
  readonly batchSize?: number;
  /** Micro-batches of a step, whose loss is the mean over everything that counts in them together. Default 1. */
  readonly gradientAccumulation?: number;
  /** Default true: a new order in every epoch. */
  readonly shuffle?: boolean;
  /** Rows of like length come together. Default: when shuffling. */
  readonly groupByLength?: boolean;
  /** Longer rows are cut off on the right; none: they are an error. */
  readonly maxLength?: number;
  /** Which tokens of completions and conversations are in the loss. Default replies. */
  readonly lossOn?: LossOn;
  /** Default 0. */
  readonly seed?: number;
  /** What sums and products are carried out in; weights and optimizer are float32 either way. Default float32. */
  readonly dtype?: 'float32' | 'float16';
  /** `cpu[:threads]`, `webgpu[:n]`, `cuda[:n]`. Default cpu. */
  readonly device?: string;
  /** Compute activations again in the backward pass instead of keeping them. */
  readonly recompute?: boolean;
  readonly format?: Format;
  readonly weights?: WeightChoice;
  readonly file?: string;
}

/** transformers' names of the schedules that there are. `constant` too rises where warm-up steps are asked for. */
const schedules: Readonly<Record<string, Schedule['kind']>> = {
  constant: 'constant',
  constant_with_warmup: 'constant',
  linear: 'linear',
  cosine: 'cosine',
};

/** Settings with every default filled in, checked. */
export type FullSettings = ReturnType<typeof fullSettings>;

/** @throws UserError naming the flag whose value makes no sense, or that contradicts another */
export function fullSettings(given: FinetuneSettings, from: { adapter?: string }) {
  const speaksOfLora =
    from.adapter !== undefined ||
    [given.loraRank, given.loraAlpha, given.loraTargets, given.loraDropout, given.useRslora].some(
      (value) => value !== undefined,
    );
  const { optimizer = 'adamw' } = given;
  const full = {
    train: given.train ?? (speaksOfLora ? ('lora' as const) : ('full' as const)),
    head: given.head,
    classes: given.classes,
    pooling: given.pooling,
    lora: {
      rank: given.loraRank ?? 8,
      alpha: given.loraAlpha ?? 8,
      targets: given.loraTargets,
      dropout: given.loraDropout ?? 0,
      rankStabilized: given.useRslora ?? false,
    },
    optimizer,
    lr: given.lr ?? 1e-3,
    betas: given.betas ?? ([0.9, 0.999] as const),
    eps: given.eps ?? 1e-8,
    weightDecay: given.weightDecay ?? (optimizer === 'adamw' ? 0.01 : 0),
    momentum: given.momentum ?? 0,
    maxGradNorm: given.maxGradNorm,
    lrScheduler: given.lrScheduler ?? 'constant',
    warmupSteps: given.warmupSteps ?? 0,
    steps: given.steps,
    epochs: given.steps === undefined ? (given.epochs ?? 3) : given.epochs,
    batchSize: given.batchSize ?? 8,
    gradientAccumulation: given.gradientAccumulation ?? 1,
    shuffle: given.shuffle ?? true,
    groupByLength: given.groupByLength ?? given.shuffle ?? true,
    maxLength: given.maxLength,
    lossOn: given.lossOn ?? ('replies' as const),
    seed: given.seed ?? 0,
    dtype: given.dtype ?? ('float32' as const),
    device: wholeDevice(given.device),
    recompute: given.recompute ?? false,
    format: given.format,
    weights: given.weights,
    file: given.file,
  };
  checkNumbers(full);
  if (full.train !== 'lora' && speaksOfLora) {
    throw new UserError(
      `--train ${full.train} trains no adapter, and there are settings for one (--lora-…, --adapter)`,
    );
  }
  if (given.steps !== undefined && given.epochs !== undefined) {
    throw new UserError('--steps and --epochs both say how long to train; give one of them');
  }
  if (full.momentum !== 0 && optimizer === 'adamw') throw new UserError('--momentum is for --optimizer sgd');
  scheduleOf(full);
  return full;
}

/** The learning rate's course. @throws UserError for a schedule that is not known */
export function scheduleOf({
  lrScheduler,
  warmupSteps,
}: {
  lrScheduler: string;
  warmupSteps: number;
}): Schedule {
  const kind = schedules[lrScheduler];
  if (kind !== undefined) return { kind, warmup: warmupSteps, warmupFrom: 'zero' };
  throw new UserError(
    `--lr-scheduler ${lrScheduler} is not known; expected ${Object.keys(schedules).join(', ')}`,
  );
}

export function optimizerOf(settings: FullSettings): Optimizer {
  const { optimizer: kind, lr: learningRate, betas, eps, weightDecay, momentum } = settings;
  return kind === 'adamw'
    ? { kind, learningRate, betas, eps, weightDecay }
    : { kind, learningRate, weightDecay, momentum };
}

type Check = readonly [
  flag: string,
  value: number | undefined,
  good: (value: number) => boolean,
  wanted: string,
];

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isShare = (value: number): boolean => value >= 0 && value < 1;
const isPositive = (value: number): boolean => value > 0 && Number.isFinite(value);
const isNotNegative = (value: number): boolean => value >= 0 && Number.isFinite(value);

function checkNumbers(settings: ReturnType<typeof fullSettings>): void {
  const [count, share] = ['a whole number from 1', 'a number from 0 to below 1'];
  const checks: Check[] = [
    ['lr', settings.lr, isNotNegative, 'a number from 0'],
    ['betas', settings.betas[0], isShare, share],
    ['betas', settings.betas[1], isShare, share],
    ['eps', settings.eps, isNotNegative, 'a number from 0'],
    ['weight-decay', settings.weightDecay, isNotNegative, 'a number from 0'],
    ['momentum', settings.momentum, isNotNegative, 'a number from 0'],
    ['max-grad-norm', settings.maxGradNorm, isPositive, 'a number above 0'],
    ['warmup-steps', settings.warmupSteps, isWhole, 'a whole number from 0'],
    ['steps', settings.steps, isCount, count],
    ['epochs', settings.epochs, isPositive, 'a number above 0'],
    ['batch-size', settings.batchSize, isCount, count],
    ['gradient-accumulation', settings.gradientAccumulation, isCount, count],
    ['max-length', settings.maxLength, isCount, count],
    ['seed', settings.seed, Number.isSafeInteger, 'a whole number'],
    ['classes', settings.classes, isCount, count],
    ['lora-rank', settings.lora.rank, isCount, count],
    ['lora-alpha', settings.lora.alpha, isPositive, 'a number above 0'],
    ['lora-dropout', settings.lora.dropout, isShare, share],
  ];
  for (const [flag, value, good, wanted] of checks) {
    if (value === undefined || good(value)) continue;
    throw new UserError(`--${flag} is ${value}; expected ${wanted}`);
  }
}
