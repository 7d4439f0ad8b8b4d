/** @file What a loss is: a graph over what a student answers and what its labels say, one number an item. */
import type { PolicyReading } from '../../models/preference/reading.js';
import type { Graph, Value } from '../../onnx/graph.js';
import type { LossChoice } from './method.js';

interface LossInputs {
  readonly graph: Graph;
  /** step / steps, in [0, 1); scalar. */
  readonly progress: Value;
  /** Steps of the whole training: for warm-ups that are counted in steps. */
  readonly steps: number;
}

export interface ChoiceLossInputs extends LossInputs {
  /** [B, C] */
  readonly logits: Value;
  /** [B, C] probabilities; a batch of B items is the whole logical batch. */
  readonly targets: Value;
}

/** How a student scores two candidates (a reward model). */
export interface ScoreLossInputs extends LossInputs {
  /** [P, 2] rewards of both candidates. */
  readonly scores: Value;
  /** [P, 2] probability that each is the better one. */
  readonly targets: Value;
}

/** How likely a student finds two candidates (a policy). Sums run over the tokens of the response alone. */
export interface PolicyLossInputs extends LossInputs {
  /** [P, 2] ln p of each candidate given its prompt. */
  readonly logProbabilities: Value;
  /** [P, 2] ln p under the frozen reference; absent for losses without `reference`. */
  readonly reference?: Value;
  /** [P, 2] tokens in each candidate. */
  readonly lengths: Value;
  /** [P, 2] probability that each is the better one. */
  readonly targets: Value;
}

/** The loss of each item, [B] or [P]: their mean over the batch, weighted where labels carry weights, is minimised. */
type Build<Inputs> = (inputs: Inputs, parameters: Omit<LossChoice, 'name'>) => Value;

/**
 * Parameters that say how a number follows from the labels ("midweak") → parameters with that number. Called once,
 * with the target distributions of all that is trained on, before the graph is built.
 */
type Settle = (
  parameters: Omit<LossChoice, 'name'>,
  targets: readonly (readonly number[])[],
) => Omit<LossChoice, 'name'>;

/**
 * A student's loss, by what it reads.
 *
 * - `choices`: logits over an item's choices or classes.
 * - `scores`: a number for each of two candidates.
 * - `policy`: the log-probability of each of two candidates, beside a frozen reference's where `reference` is set.
 * - `texts`: cross entropy of an answer's tokens, which the engine knows.
 */
export type Loss =
  | { readonly reads: 'choices'; readonly build: Build<ChoiceLossInputs>; readonly settle?: Settle }
  | { readonly reads: 'scores'; readonly build: Build<ScoreLossInputs> }
  | {
      readonly reads: 'policy';
      readonly reference: boolean;
      readonly build: Build<PolicyLossInputs>;
      /**
       * How a student trained by it says which of two responses is better. Default: by its implicit reward beside the
       * reference where it has one, or by its mean log-probability a token, each as it is.
       */
      readonly reading?: (parameters: Omit<LossChoice, 'name'>) => PolicyReading;
    };
