/** @file What a loss is: any graph over the logits, with whatever inputs it says it needs. */
import type { Graph, Value } from '../../onnx/graph.js';
import type { Clock, InputSpec, Lookup, Loss } from '../../onnx/program.js';
import type { Batch } from '../../onnx/trainer.js';
import type { Sizes } from '../network.js';

/** One row of a batch as people have it: tokens, and what is taught about them. */
export interface TuningRow {
  /** Token ids; shorter rows are padded on the right. */
  readonly ids: ArrayLike<number>;
  /** 1 at real tokens, 0 at padding that `ids` hold already; none: every token is real. */
  readonly mask?: ArrayLike<number>;
  /** `token_type_ids` */
  readonly segments?: ArrayLike<number>;
  /** `position_ids`; none: 0, 1, … whatever the mask says. */
  readonly positions?: ArrayLike<number>;
  /** One a token, not shifted: labels[i] is what ids[i] should have been; −100 counts nothing. */
  readonly labels?: ArrayLike<number>;
  /** A class (−100 counts nothing), a number, or a number for each output. */
  readonly target?: number | ArrayLike<number>;
}

/** A place with a loss: position `position` of row `row`, whose logits are about `label`. */
export interface TokenPlace {
  /** Where its logits stand among those of all places: from 0 to P − 1. */
  readonly index: number;
  readonly row: number;
  readonly position: number;
  readonly label: number;
}

interface LossCall {
  readonly graph: Graph;
  /** What the loss said that it needs, by name. */
  readonly inputs: Lookup;
  readonly clock: Clock;
}

/** Logits at P places of the batch, those that fill up weighing 0. */
export interface TokenLossCall extends LossCall {
  /** [P, V] */
  readonly logits: Value;
  /** [P] int64: the token that should have been. */
  readonly labels: Value;
  /** [P] float32: 1, or 0 where there is nothing to learn. */
  readonly weights: Value;
  /** [P] int64: the row of the batch that each place is in. */
  readonly rows: Value;
}

/** Logits for each row of the batch. */
export interface RowLossCall extends LossCall {
  /** [B, outputs] */
  readonly logits: Value;
}

/** A loss over tokens. */
export interface TokenLoss {
  readonly reads: 'tokens';
  /** How many positions behind its logits a label stands: 1 for causal models, 0 for masked ones. */
  readonly shift: 0 | 1;
  /** Inputs beside labels and weights; `places`: P. */
  readonly inputs?: (sizes: Sizes, places: number) => readonly InputSpec[];
  readonly collate?: (rows: readonly TuningRow[], places: readonly TokenPlace[], sizes: Sizes) => Batch;
  readonly build: (call: TokenLossCall) => Loss;
}

/** A loss over whole rows. */
export interface RowLoss {
  readonly reads: 'rows';
  /** How many outputs a row has. */
  readonly outputs: number;
  readonly inputs: (sizes: Sizes) => readonly InputSpec[];
  /** @throws RangeError naming the row whose target does not fit */
  readonly collate: (rows: readonly TuningRow[], sizes: Sizes) => Batch;
  readonly build: (call: RowLossCall) => Loss;
}

export type TuningLoss = TokenLoss | RowLoss;

/** A label that counts nothing, as PyTorch's cross entropy has it. */
export const ignoredLabel = -100;
