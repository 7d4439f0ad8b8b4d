/** @file ONNX's losses over class numbers, written in cross entropies of rows. */
import type { Attributes, Value } from '../graph.js';
import { sameShape, type Shape, ShapeError, shapeText } from '../shape.js';
import { need, type Rewrite } from './define.js';
import { cast, div, mul, neg } from './elementwise.js';
import { gather, gatherElements } from './gather.js';
import { equal, not, where } from './logic.js';
import { transpose } from './movement.js';
import { reduceMean, reduceSum } from './reduction.js';
import { reshape, unsqueeze } from './reshape.js';
import { crossEntropyParts } from './softmax.js';

/** [N, C, d1, …] as rows [N·d1·…, C]. */
function rowsOfClasses(x: Value): Value {
  const rank = x.shape.length;
  const last = [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
  return reshape(rank === 2 ? x : transpose(x, last), [-1, x.shape[1] as number | string]);
}

/** Rows [N·d1·…, C] as [N, C, d1, …]. */
function classesOfRows(rows: Value, shape: Shape): Value {
  const [n, classes, ...positions] = shape as [Shape[number], Shape[number], ...Shape];
  if (positions.length === 0) return rows;
  return transpose(reshape(rows, [n, ...positions, classes]), [
    0,
    shape.length - 1,
    ...positions.map((_, i) => i + 1),
  ]);
}

const reductions = ['none', 'mean', 'sum'] as const;
type Reduction = (typeof reductions)[number];

interface Labels {
  /** One class for each row; an existing one where the label does not count. */
  readonly classes: Value;
  /** Which rows count; undefined: all. */
  readonly counting?: Value;
}

function labelsOf(labels: Value, ignored: number | undefined): Labels {
  const flat = reshape(labels, [-1]);
  if (ignored === undefined) return { classes: flat };
  const counting = not(equal(flat, ignored));
  return { classes: where(counting, flat, 0), counting };
}

/** Losses [rows] → what ONNX's reduction makes of them: means are over what counts, by its weight. */
function reduced(
  losses: Value,
  { classes, counting }: Labels,
  weights: Value | undefined,
  reduction: Reduction,
  shape: Shape,
): Value {
  const { dtype } = losses;
  const weight = weights === undefined ? undefined : gather(weights, classes);
  const weighted = weight === undefined ? losses : mul(losses, weight);
  // Chosen, not multiplied by zero: what does not count may be infinite.
  const counted = counting === undefined ? weighted : where(counting, weighted, 0);
  if (reduction === 'none') return reshape(counted, shape);
  if (reduction === 'sum') return reduceSum(counted);
  if (counting === undefined)
    return weight === undefined ? reduceMean(counted) : div(reduceSum(counted), reduceSum(weight));
  const share = weight === undefined ? cast(counting, dtype) : where(counting, weight, 0);
  return div(reduceSum(counted), reduceSum(share));
}

function parse(inputs: readonly (Value | undefined)[], attributes: Attributes) {
  const [scores, labels, weights] = [need(inputs, 0), need(inputs, 1), inputs[2]];
  const { shape } = scores;
  if (shape.length < 2 || !sameShape([shape[0] as number, ...shape.slice(2)], labels.shape)) {
    throw new ShapeError(
      `labels ${shapeText(labels.shape)} are not one for each position of ${shapeText(shape)}`,
    );
  }
  if (weights !== undefined && !sameShape(weights.shape, shape.slice(1, 2))) {
    throw new ShapeError(
      `weights ${shapeText(weights.shape)} are not one for each class of ${shapeText(shape)}`,
    );
  }
  const reduction = reductions.find((name) => name === attributes['reduction']);
  if (reduction === undefined) {
    throw new ShapeError(
      `reduction "${String(attributes['reduction'])}" does not exist: there are ${reductions.join(', ')}`,
    );
  }
  const ignored = attributes['ignore_index'] as number | undefined;
  return { scores, labels, weights, reduction: reduction, ignored };
}

const attributes = { reduction: 'string', ignore_index: 'int' } as const;
const defaults = { reduction: 'mean' };

/** Inputs: scores [N, C, d1, …], labels [N, d1, …], weights of the classes [C]. Outputs: the loss, log-probabilities. */
export const SoftmaxCrossEntropyLoss: Rewrite = {
  name: 'SoftmaxCrossEntropyLoss',
  attributes,
  defaults,
  parts: ['CrossEntropy', 'Gather', 'Where', 'ReduceSum'],
  build: (call) => {
    const { scores, labels, weights, reduction, ignored } = parse(call.inputs, call.attributes);
    const known = labelsOf(labels, ignored);
    const { loss, logProbabilities } = crossEntropyParts(rowsOfClasses(scores), known.classes);
    return [
      reduced(loss, known, weights, reduction, labels.shape),
      classesOfRows(logProbabilities, scores.shape),
    ];
  },
};

/** Inputs: log-probabilities [N, C, d1, …], labels [N, d1, …], weights of the classes [C]. */
export const NegativeLogLikelihoodLoss: Rewrite = {
  name: 'NegativeLogLikelihoodLoss',
  attributes,
  defaults,
  parts: ['GatherElements', 'Neg', 'Gather', 'Where', 'ReduceSum'],
  build: (call) => {
    const { scores, labels, weights, reduction, ignored } = parse(call.inputs, call.attributes);
    const known = labelsOf(labels, ignored);
    const chosen = gatherElements(rowsOfClasses(scores), unsqueeze(known.classes, 1), 1);
    const losses = neg(reshape(chosen, known.classes.shape));
    return [reduced(losses, known, weights, reduction, labels.shape)];
  },
};

export interface LossOptions {
  /** One weight for each class. */
  readonly weights?: Value;
  /** The label that says: not in the loss. */
  readonly ignored?: number;
  readonly reduction?: Reduction;
}

const attributesOf = ({ ignored, reduction = 'mean' }: LossOptions) => ({ reduction, ignore_index: ignored });

/** {@link SoftmaxCrossEntropyLoss}: torch.nn.functional.cross_entropy, but for labels outside of the classes. */
export function softmaxCrossEntropyLoss(
  scores: Value,
  labels: Value,
  options: LossOptions = {},
): { loss: Value; logProbabilities: Value } {
  const inputs = [scores, labels, options.weights];
  const outputs = SoftmaxCrossEntropyLoss.build({ inputs, attributes: attributesOf(options) });
  return { loss: outputs[0] as Value, logProbabilities: outputs[1] as Value };
}

/** {@link NegativeLogLikelihoodLoss}: torch.nn.functional.nll_loss. */
export function negativeLogLikelihoodLoss(scores: Value, labels: Value, options: LossOptions = {}): Value {
  const inputs = [scores, labels, options.weights];
  return NegativeLogLikelihoodLoss.build({ inputs, attributes: attributesOf(options) })[0] as Value;
}
