/** @file What label work is: labels made from labels, and from a model's activations, without any truth. */
import type { JsonObject } from '../../base/json.js';
import type { Random } from '../../base/random.js';
import type { Item, Label } from '../../datasets/task.js';

/** What an operation works with. */
export interface WorkBench {
  /** The items of B. */
  readonly items: readonly Item[];
  /** A label set by its role. It need not cover every item (who abstains gives none), and is in the order of `items`. */
  labels(role: string): readonly Label[];
  /** The roles there are, in the order of the request. */
  readonly roles: readonly string[];
  /**
   * Activations of the request's model, one row an item: what layer `layer` (0: the embeddings; default: the middle
   * one, ⌊L / 2⌋) holds at the last token.
   */
  activations(layer?: number): Promise<Float32Array[]>;
  /** Whether two answers in words or numbers are one to the task's grader. */
  same(item: Item, answer: string, other: string): boolean;
  /** Of the trial's seed and the operation. */
  readonly random: Random;
  /** One line of the stage's log. */
  log(line: string): void;
}

/**
 * @returns labels: any number of the items', each with a weight where it does not count as one
 * @throws UserError where nothing is left, or where the labels do not allow the operation: the trial fails and says so
 */
export type LabelWork = (bench: WorkBench, parameters: JsonObject) => Label[] | Promise<Label[]>;
