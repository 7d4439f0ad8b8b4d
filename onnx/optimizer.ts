/** @file Optimizers as nodes of the training graph. */
import type { Value } from './graph.js';
import {
  add,
  cast,
  concat,
  div,
  min,
  mul,
  pow,
  reduceSumSquare,
  split,
  sqrt,
  sub,
} from './operators/index.js';
import { type Schedule, scheduleFactor } from './schedule.js';

/** AdamW (Loshchilov & Hutter, 2019), to the letter of torch.optim.AdamW; without weight decay it is Adam. */
export interface AdamW {
  readonly kind: 'adamw';
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
}

/** Stochastic gradient descent, as torch.optim.SGD (without dampening). */
export interface Sgd {
  readonly kind: 'sgd';
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of the previous change that goes on. Default 0: nothing is remembered. */
  readonly momentum?: number;
  /** Nesterov's form: the gradient counts once more on top of the momentum. */
  readonly nesterov?: boolean;
}

export type Optimizer = AdamW | Sgd;

/** One parameter about to be updated. */
export interface Update {
  readonly parameter: Value;
  /** Before clipping. */
  readonly gradient: Value;
  /** What the optimizer remembers about the parameter, by the names of {@link slotsOf}. */
  readonly slots: Readonly<Record<string, Value>>;
  readonly decay: boolean;
}

export interface Updated {
  readonly parameter: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** The tensors, each of the parameter's shape, that an optimizer keeps for every parameter. */
export function slotsOf(optimizer: Optimizer): readonly string[] {
  if (optimizer.kind === 'adamw') return ['first', 'second'];
  return hasMomentum(optimizer) ? ['momentum'] : [];
}

function hasMomentum({ momentum = 0 }: Sgd): boolean {
  return momentum !== 0;
}

/** The step's scalars are computed in float64, as PyTorch does, since 1 − 0.999ᵗ has no digits to lose. */
interface StepScalars {
  /** 0-based, float64. */
  readonly step: Value;
  readonly rate: Value;
  /** By which gradients are multiplied: so that their global norm stays within bounds, and by their scale; float32. */
  readonly factor: Value | undefined;
}

/** When and how far parameters are updated. */
export interface UpdateSettings {
  /** 0-based number of the step, float64 scalar. */
  readonly step: Value;
  readonly steps: number;
  readonly schedule: Schedule;
  /** Bound of the gradients' global norm, as torch.nn.utils.clip_grad_norm_; undefined: no bound. */
  readonly clipNorm?: number;
  /** What the gradients that are given have to be multiplied by first, float32 scalar; undefined: nothing. */
  readonly gradientScale?: Value;
}

/** One optimizer step for all parameters; the gradients' norm is that before clipping. */
export function optimize(
  optimizer: Optimizer,
  updates: readonly Update[],
  { step, steps, schedule, clipNorm, gradientScale }: UpdateSettings,
): { updated: Updated[]; gradientNorm: Value; rate: Value } {
  const groups = grouped(updates);
  const squares = groups.map(({ joined }) => reduceSumSquare(joined.gradient));
  const givenNorm = sqrt(squares.reduce((sum, square) => add(sum, square)));
  const gradientNorm = gradientScale === undefined ? givenNorm : mul(givenNorm, gradientScale);
  const bound = clipNorm === undefined ? undefined : step.graph.scalar(clipNorm);
  const clip = bound === undefined ? undefined : min(div(bound, add(gradientNorm, 1e-6)), 1);
  const factor =
    clip === undefined || gradientScale === undefined ? (clip ?? gradientScale) : mul(clip, gradientScale);
  const rate = mul(scheduleFactor(step, schedule, steps), optimizer.learningRate);
  const scalars = { step, rate, factor };
  const rule = optimizer.kind === 'adamw' ? adamW(optimizer, scalars) : sgd(optimizer, scalars);
  const results = new Map(groups.flatMap(({ members, joined }) => apart(members, rule(joined))));
  return { updated: updates.map((update) => results.get(update) as Updated), gradientNorm, rate };
}

/** Parameters that are updated as one. */
interface Group {
  readonly members: readonly Update[];
  readonly joined: Update;
}

/**
 * Vectors (biases, norms) are joined end to end: most parameters are vectors, and for them the cost of an update
 * is that of its thirteen nodes. Matrices stay by themselves: joining them costs more than it saves.
 */
function grouped(updates: readonly Update[]): Group[] {
  const isVector = ({ parameter }: Update) => parameter.shape.length === 1;
  const vectors = [true, false].map((decay) =>
    updates.filter((update) => isVector(update) && update.decay === decay),
  );
  const alone = updates.filter((update) => !isVector(update)).map((update) => [update]);
  return [...alone, ...vectors.filter((members) => members.length > 0)].map((members) => ({
    members,
    joined: join(members),
  }));
}

function join(members: readonly Update[]): Update {
  const first = members[0] as Update;
  const along = (valueOf: (member: Update) => Value) => concat(members.map(valueOf), 0);
  return {
    parameter: along(({ parameter }) => parameter),
    gradient: along(({ gradient }) => gradient),
    slots: Object.fromEntries(
      Object.keys(first.slots).map((slot) => [slot, along(({ slots }) => slots[slot] as Value)]),
    ),
    decay: first.decay,
  };
}

/** What {@link join} put together, parameter by parameter again. */
function apart(members: readonly Update[], { parameter, slots }: Updated): [Update, Updated][] {
  const sizes = members.map((member) => member.parameter.shape[0] as number);
  const parts = (value: Value) => (members.length === 1 ? [value] : split(value, 0, sizes));
  const parameters = parts(parameter);
  const slotParts = Object.entries(slots).map(([slot, value]) => [slot, parts(value)] as const);
  return members.map((member, i) => [
    member,
    {
      parameter: parameters[i] as Value,
      slots: Object.fromEntries(slotParts.map(([slot, values]) => [slot, values[i] as Value])),
    },
  ]);
}

/**
 * θ ← θ·(1 − lr·λ) − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε), with m and v the decayed means of g and g².
 * Everything that does not depend on the element is folded into five scalars, so that each element is read
 * and written as few times as ONNX's operators allow.
 */
function adamW({ betas: [beta1, beta2], eps, weightDecay }: AdamW, { step, rate, factor }: StepScalars) {
  const t = add(step, 1);
  const f32 = (x: Value) => cast(x, 'float32');
  const beta = (value: number) => step.graph.scalar(value, step.dtype);
  const rootCorrection2 = sqrt(sub(1, pow(beta(beta2), t)));
  const stepSize = f32(div(mul(rate, rootCorrection2), sub(1, pow(beta(beta1), t))));
  const epsilon = f32(mul(rootCorrection2, eps));
  const shrink = f32(sub(1, mul(rate, weightDecay)));
  const weight1 = factor === undefined ? step.graph.scalar(1 - beta1) : mul(factor, 1 - beta1);
  const weight2 = factor === undefined ? step.graph.scalar(1 - beta2) : mul(mul(factor, factor), 1 - beta2);
  return ({ parameter, gradient, slots, decay }: Update): Updated => {
    const first = add(mul(slots['first'] as Value, beta1), mul(gradient, weight1));
    const second = add(mul(slots['second'] as Value, beta2), mul(mul(gradient, gradient), weight2));
    const change = mul(div(first, add(sqrt(second), epsilon)), stepSize);
    const kept = decay && weightDecay !== 0 ? mul(parameter, shrink) : parameter;
    return { parameter: sub(kept, change), slots: { first, second } };
  };
}

/** With momentum, b ← μ·b + g, which from zeros is PyTorch's first step, too, and θ ← θ − lr·b (Nesterov: g + μ·b). */
function sgd(optimizer: Sgd, { rate, factor }: StepScalars) {
  const { weightDecay, momentum = 0, nesterov = false } = optimizer;
  const rate32 = cast(rate, 'float32');
  return ({ parameter, gradient, slots, decay }: Update): Updated => {
    const clipped = factor === undefined ? gradient : mul(gradient, factor);
    const decayed = decay && weightDecay !== 0 ? add(clipped, mul(parameter, weightDecay)) : clipped;
    const moved = (change: Value) => sub(parameter, mul(change, rate32));
    if (!hasMomentum(optimizer)) return { parameter: moved(decayed), slots: {} };
    const buffer = add(mul(slots['momentum'] as Value, momentum), decayed);
    const change = nesterov ? add(decayed, mul(buffer, momentum)) : buffer;
    return { parameter: moved(change), slots: { momentum: buffer } };
  };
}
