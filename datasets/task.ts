/** @file What a task is: its splits, what anyone may see of an item, and what is kept apart from that. */
import type { z } from 'zod';
import type { DataReport } from '../report/results.js';

/** A: truth for the weak supervisor. B: what it labels and the student trains on. The four are disjoint. */
export const splits = ['A', 'B', 'validation', 'test'] as const;
export type Split = (typeof splits)[number];

/** What anyone may see. */
export interface Item {
  id: string;
  text: string;
  /** The possible answers: class names, or the two forms of a noun. */
  choices: string[];
}

/**
 * How the answers to a task are given.
 *
 * - `next-token`: by the model's next token among the item's choices.
 * - `classes`: by a classification head over the item's choices.
 * - `preference`: the choices are two responses to the text, and one is better.
 * - `text`: in words, which a grader compares with the right ones. There are no choices.
 * - `number`: by a number, in decimal. There are no choices.
 */
export const answerKinds = ['next-token', 'classes', 'preference', 'text', 'number'] as const;
export type AnswerKind = (typeof answerKinds)[number];

/** The right answer, published apart from the item. */
export interface Truth {
  id: string;
  /** Index into the item's choices; 0 where there are none. */
  label: number;
  /** For tasks without choices. */
  answer?: string;
}

/** A supervisor's answer. */
export interface Label {
  id: string;
  /** The most probable choice; 0 where there are none. */
  label: number;
  /** One per choice, summing to 1; empty where there are no choices. */
  probabilities: number[];
  /** For tasks without choices. */
  answer?: string;
  /** How much it counts in a training, beside others; default 1. */
  weight?: number;
  /** Several answers in words: draws of a model, or the better and the worse response of a pair. */
  texts?: string[];
}

/** An answered text to show a model in context. */
export interface Example {
  text: string;
  answer: string;
}

export interface Examples {
  items: Record<Split, Item[]>;
  truth: Record<Split, Truth[]>;
  /** Answers that stand in the data by the name of whoever gave them: supervisors that need no model. */
  given?: Record<string, Record<Split, Label[]>>;
  report: DataReport;
}

/** An answer against the truth. */
export interface Grade {
  /** What the task is measured by: 1 for right and 0 for wrong, or a number of its own. */
  score: number;
  /** Whatever else it is measured by: `{ content: 1, style: 0 }`. */
  parts?: Record<string, number>;
}

/** What a task is measured by. */
export interface TaskMetric {
  /** "accuracy", "risk" */
  readonly name: string;
  /** Whether more of it is better. Where it is not, PGR counts what was taken off. */
  readonly higherIsBetter: boolean;
}

export type TaskParameters = Record<string, unknown>;

/**
 * A file parameter's value (a path, or the digest that the plan put in its place) → where this machine has it.
 * A value that is not in the map is itself a path. `Stage.paths` is one.
 */
export type Files = Readonly<Record<string, string>>;

/** Everything the rest of Temper knows about a task. Adding one is one file and one entry in `tasks.ts`. */
export interface TaskDefinition<P extends TaskParameters = TaskParameters> {
  readonly name: string;
  /** One sentence, for the documentation. */
  readonly summary: string;
  /** What a sweep may say, with defaults, bounds and descriptions. */
  readonly parameters: z.ZodObject & z.ZodType<P>;
  readonly answer: AnswerKind;
  /** Default: accuracy, that is, the share of right answers. */
  readonly metric?: TaskMetric;
  /** Which tokens of a text pretraining learns to predict; 'every-second': the second, the fourth, … */
  readonly corpusLoss: 'all' | 'every-second';
  /** The parameters that hold a path. */
  readonly files: readonly string[];
  /** Fills in what follows from a path, before a digest takes the path's place. */
  resolve(parameters: P): P;
  /**
   * Brings to this machine what the parameters name elsewhere, and names files in its place: parameters, and the absolute
   * paths of those that hold one. Asked before {@link glance} and {@link resolve}; undefined where nothing is elsewhere.
   */
  fetch?(parameters: P): Promise<{ parameters: P; files: Record<string, string> } | undefined>;
  /** Throws a UserError for what a glance at the files shows to be wrong, so that nothing starts in vain. */
  glance?(parameters: P): Promise<void>;
  /** Those parameters that the corpus depends on, so that tasks which differ in others share it. */
  corpusParameters(parameters: P): Partial<P>;
  /** Those parameters that items and truth depend on. */
  exampleParameters(parameters: P): Partial<P>;
  /** Unlabelled text for language-model pretraining: never from validation or test. Needs `corpusParameters` alone. */
  corpus(parameters: Partial<P>, seed: number, files?: Files): Promise<string[]>;
  /** Items and truth of every split. Needs `exampleParameters` alone. */
  examples(parameters: Partial<P>, seed: number, files?: Files): Promise<Examples>;
  /** The text that a model answers: for 'next-token' after its in-context examples, for 'classes' the text alone. */
  prompt(item: Item, examples: readonly Example[]): string;
  /** Grades an answer in words or numbers. Default: right where it equals the truth but for white space at the ends. */
  grade?(answer: string, truth: string, item: Item, parameters: Partial<P>): Grade;
  /**
   * Grades all answers of a split at once: for graders that have to read files or to be trained first. Goes before
   * {@link grade} where a model is measured; needs `gradeParameters` alone.
   */
  gradeAll?(answers: readonly string[], parameters: Partial<P>, files?: Files): Promise<Grade[]>;
  /** Those parameters that grading depends on; by default none. */
  gradeParameters?(parameters: P): Partial<P>;
  /** Tokens that an answer in words may have; default 32. */
  readonly answerTokens?: number;
  /**
   * Texts that end an answer in words, because the next question would begin there: a model that is shown examples goes
   * on with another.
   */
  readonly answerStops?: readonly string[];
  /** The best answers there are to the items of a split, by who knows how the data were made. */
  oracle?(parameters: Partial<P>, seed: number, split: Split): Promise<Label[]>;
  /** The item in other words: as many ways as there are. Needs `exampleParameters` alone. */
  paraphrases?(item: Item, parameters: Partial<P>): string[];
  /** Whether {@link paraphrases} gives any with these parameters; by default where it is defined. */
  hasParaphrases?(parameters: P): boolean;
}

/** Lets TypeScript infer the parameters of a task from their schema. */
export function defineTask<P extends TaskParameters>(task: TaskDefinition<P>): TaskDefinition {
  return task;
}

/** Where this machine has the file that a parameter names. */
export function locate(reference: string, files: Files = {}): string {
  return Object.hasOwn(files, reference) ? (files[reference] as string) : reference;
}

/** A value for every split. */
export function bySplit<T>(valueOf: (split: Split) => T): Record<Split, T> {
  return { A: valueOf('A'), B: valueOf('B'), validation: valueOf('validation'), test: valueOf('test') };
}
