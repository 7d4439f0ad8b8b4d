/** @file What a weak-to-strong method is: parameters, the stages it asks of a cell, the loss it trains with. */
import type { z } from 'zod';
import type { TaskDefinition } from '../datasets/task.js';
import type { Stage } from '../plan/stage.js';

/** How the answers to a task are given: by the model's next token, or by a classification head over classes. */
export type AnswerKind = TaskDefinition['answer'];

/** Which of a supervisor's answers a student is trained on: its whole distribution, or its argmax alone. */
export type LabelForm = 'soft' | 'hard';

/** A loss by its name in the registry, and its parameters: part of the key of what it trains. */
export interface LossChoice {
  readonly name: string;
  readonly [parameter: string]: string | number | boolean;
}

/**
 * The stages that a method may ask for within one cell (one task, one weak and strong model, one seed).
 * Asking twice for the same thing gives the same stage. There is no ground truth in here, by construction.
 */
export interface Cell {
  readonly answer: AnswerKind;
  /** The strong model as it comes out of pretraining. */
  strong(): Stage;
  /** The weak supervisor's labels of B, one stage a shard. */
  weakLabels(): Stage[];
  /**
   * The strong model's own labels of B, each item preceded by `examples` other items of B with the labels of
   * `supervisor`; the mean over `contexts` draws of such examples. Without examples no supervisor is asked.
   */
  refine(request: { examples: number; contexts: number; supervisor: Stage[] }): Stage[];
  /** The strong model trained on labels of B. */
  student(request: { labels: Stage[]; form: LabelForm; loss: LossChoice }): Stage;
  /** Accuracy on the test split. */
  evaluate(model: Stage): Stage;
}

/** A cell as controls and baselines see it: with ground truth. */
export interface PrivilegedCell extends Cell {
  /** The weak model trained on A's ground truth. */
  weakSupervisor(): Stage;
  /** The strong model trained on the ground truth of a split. */
  ceiling(split: 'A' | 'B'): Stage;
  /** B's ground truth with errors at random, as many as the weak supervisor makes. */
  randomErrors(): Stage[];
}

interface Described<Parameters extends z.ZodObject> {
  /** Its name in a sweep file. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Where it comes from: paper and equation or algorithm. */
  readonly source: string;
  readonly parameters: Parameters;
  /** Set where it only works for tasks answered in one way. */
  readonly requires?: AnswerKind;
}

/** A way to train a strong student under a weak supervisor. */
export interface Method<Parameters extends z.ZodObject = z.ZodObject> extends Described<Parameters> {
  readonly role: 'method';
  /** The stage that evaluates the student. */
  evaluation(cell: Cell, parameters: z.infer<Parameters>): Stage;
}

/** A trial that shows what a method has to be compared with. */
export interface Control<Parameters extends z.ZodObject = z.ZodObject> extends Described<Parameters> {
  readonly role: 'control';
  evaluation(cell: PrivilegedCell, parameters: z.infer<Parameters>): Stage;
}

/** Lets TypeScript infer the parameters of a method from their schema. */
export function defineMethod<Parameters extends z.ZodObject>(method: Method<Parameters>): Method {
  return method;
}

/** Lets TypeScript infer the parameters of a control from their schema. */
export function defineControl<Parameters extends z.ZodObject>(control: Control<Parameters>): Control {
  return control;
}
