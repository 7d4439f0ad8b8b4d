/** @file What a weak-to-strong method is: parameters, the stages it asks of a cell, and what is its own in them. */
import type { z } from 'zod';
import type { JsonObject } from '../../base/json.js';
import type { AnswerKind } from '../../datasets/task.js';
import type { Stage } from '../../plan/stage.js';
import type { LabelWork } from './label-work.js';
import type { Loss } from './loss.js';

/** Which of a supervisor's answers a student is trained on: its whole distribution, or its argmax alone. */
export type LabelForm = 'soft' | 'hard';

/** A loss by its name among the methods' {@link Described.losses}, and its parameters: part of the key of what it trains. */
export interface LossChoice {
  readonly name: string;
  readonly [parameter: string]: string | number | boolean;
}

/** Labels of B, in as many stages as they were made in. */
export type Labels = readonly Stage[];

export interface RefineRequest {
  /** Whose labels the examples carry; with `examples: 0` (k = 0) nobody's. */
  readonly supervisor: Labels;
  /** Labelled items before each question; never the question's own. */
  readonly examples: number;
  /** Independent draws of the examples, over which the answers are put together. Default 1. */
  readonly contexts?: number;
  /** How: the mean of their distributions (default), or a vote, each draw's likeliest answer counting one. */
  readonly combine?: 'mean' | 'vote';
  /**
   * `drawn` (default): examples drawn for each question. `batches`: B is cut into consecutive batches of examples + 1,
   * and each question sees the others of its batch, as in the released code of 2405.16236.
   */
  readonly draw?: 'drawn' | 'batches';
  /** How the strong model is asked (2405.16236, algorithms 1 to 3). Default icl. */
  readonly procedure?: 'icl' | 'infer-and-respond' | 'ask-to-improve';
  /** Who refines. Default: the strong model as pretrained. */
  readonly by?: Stage;
  /** Templates that differ from the procedure's own, by their names. */
  readonly prompts?: Readonly<Record<string, string>>;
}

export interface LabelRequest {
  /** So many drawn answers beside the likeliest one (tasks of texts): a label's `texts`. */
  readonly samples?: { readonly count: number; readonly temperature: number };
  /** Asked in the task's other words, counted from 0 (tasks with paraphrases; those with fewer leave items out). */
  readonly paraphrase?: number;
}

export interface StudentRequest {
  readonly labels: Labels;
  readonly form: LabelForm;
  readonly loss: LossChoice;
  /** What is trained. Default: the strong model as pretrained. */
  readonly from?: Stage;
  /** A frozen model that the loss compares with (DPO). */
  readonly reference?: Stage;
  /** Only so many items of B, the first in its order. Default: all that have a label. */
  readonly items?: number;
  /** Settings of the fine-tuning that differ from the model's, in a sweep's own words: `{ epochs: 1 }`. */
  readonly training?: JsonObject;
}

export interface WorkRequest {
  /** Its name among the methods' {@link Described.labelWork}. */
  readonly operation: string;
  readonly parameters?: JsonObject;
  /** Label sets by the role in which the operation asks for them. */
  readonly labels: Readonly<Record<string, Labels>>;
  /** The model whose activations the operation reads. */
  readonly model?: Stage;
}

/** A weak supervisor among several, and its labels of B. */
export interface WeakSource {
  readonly model: Stage;
  readonly labels: Labels;
  /** Labels of the test split, so that an ensemble can be measured as a supervisor. */
  readonly testLabels: Labels;
}

/**
 * The stages that a method may ask for within one cell (one task, one weak and strong model, one seed).
 * Asking twice for the same thing gives the same stage. There is no ground truth in here, by construction.
 */
export interface Cell {
  readonly answer: AnswerKind;
  /** The strong model as it comes out of pretraining. */
  strong(): Stage;
  /** Another model of the sweep by its label, as pretrained: for chains through intermediate sizes. */
  model(label: string): Stage;
  /** The weak supervisor's labels of B, one stage a shard. */
  weakLabels(how?: Pick<LabelRequest, 'paraphrase'>): Labels;
  /**
   * Several weak supervisors: each trained on another bootstrap sample of A and in another order; with `boost`, each
   * on A with the items that those before it got wrong weighing more (AdaBoost; SAMME for more than two classes).
   */
  weakSources(request: { readonly count: number; readonly boost?: boolean }): WeakSource[];
  /** A model's labels of B. */
  labels(by: Stage, how?: LabelRequest): Labels;
  /** Labels that the strong model gives B after seeing others' (or, with no examples, by itself). */
  refine(request: RefineRequest): Labels;
  /** Labels made from labels by an operation of a method. */
  work(request: WorkRequest): Labels;
  /** A model trained on labels of B. */
  student(request: StudentRequest): Stage;
  /** Measures a model on the test split; `reference`: what its loss compared it with. */
  evaluate(model: Stage, reference?: Stage): Stage;
}

/** A cell as controls and baselines see it: with ground truth. */
export interface PrivilegedCell extends Cell {
  /** The strong model trained on the ground truth of a split; by default with cross entropy. */
  ceiling(split: 'A' | 'B', request?: Partial<Omit<StudentRequest, 'labels' | 'items'>>): Stage;
  /** B's ground truth with errors at random, as many as the weak supervisor makes. */
  randomErrors(): Labels;
  /** Measures the answers of the task's own oracle (tasks that have one). */
  evaluateOracle(): Stage;
}

/** What a method has to know of a task to say whether it can work on it. */
export interface MethodTask {
  /** Its name in the sweep. */
  readonly name: string;
  readonly definition: string;
  readonly answer: AnswerKind;
  /** Whether the task knows the best answer there is (a Bayes oracle). */
  readonly hasOracle: boolean;
  /** Whether the task can put an item in other words. */
  readonly hasParaphrases: boolean;
}

export interface Described<Parameters extends z.ZodObject = z.ZodObject> {
  /** Its name in a sweep file. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What it computes, in a line or a few, for the documentation: Markdown, `code` for formulas. */
  readonly formula?: string;
  /** Where it comes from: paper and equation or algorithm. */
  readonly source: string;
  /** What released code does otherwise, or wrongly, and this does not: one sentence each, for the documentation. */
  readonly leavesBehind?: readonly string[];
  readonly parameters: Parameters;
  /** The tasks that it works on, by how they are answered. Default: all. */
  readonly answers?: readonly AnswerKind[];
  /** Why it cannot work on a task, beyond `answers`; undefined where it can. */
  refuses?(task: MethodTask, parameters: z.infer<Parameters>): string | undefined;
  /** The losses that it brings, by name; names are unique among all methods. */
  readonly losses?: Readonly<Record<string, Loss>>;
  /** The ways to make labels from labels that it brings, by name; names are unique among all methods. */
  readonly labelWork?: Readonly<Record<string, LabelWork>>;
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
  /** The choices of its parameters that `controls: standard` runs. Default: one, of defaults; empty: none. */
  readonly standard?: readonly JsonObject[];
  evaluation(cell: PrivilegedCell, parameters: z.infer<Parameters>): Stage;
}

/** Lets TypeScript infer the parameters of a method from their schema. */
export function defineMethod<Parameters extends z.ZodObject>(
  method: Omit<Method<Parameters>, 'role'>,
): Method {
  return { ...method, role: 'method' } as unknown as Method;
}

/** Lets TypeScript infer the parameters of a control from their schema. */
export function defineControl<Parameters extends z.ZodObject>(
  control: Omit<Control<Parameters>, 'role'>,
): Control {
  return { ...control, role: 'control' } as unknown as Control;
}
