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

/** The right answer, published apart from the item. */
export interface Truth {
  id: string;
  /** Index into the item's choices. */
  label: number;
}

/** A supervisor's answer. */
export interface Label {
  id: string;
  /** The most probable choice. */
  label: number;
  /** One per choice, summing to 1. */
  probabilities: number[];
}

/** An answered text to show a model in context. */
export interface Example {
  text: string;
  answer: string;
}

export interface Examples {
  items: Record<Split, Item[]>;
  truth: Record<Split, Truth[]>;
  report: DataReport;
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
  /** 'next-token': the model's next token among the item's choices. 'classes': a classification head. */
  readonly answer: 'next-token' | 'classes';
  /** Which tokens of a text pretraining learns to predict; 'every-second': the second, the fourth, … */
  readonly corpusLoss: 'all' | 'every-second';
  /** The parameters that hold a path. */
  readonly files: readonly string[];
  /** Fills in what follows from a path, before a digest takes the path's place. */
  resolve(parameters: P): P;
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
}

/** Where this machine has the file that a parameter names. */
export function locate(reference: string, files: Files = {}): string {
  return Object.hasOwn(files, reference) ? (files[reference] as string) : reference;
}

/** A value for every split. */
export function bySplit<T>(valueOf: (split: Split) => T): Record<Split, T> {
  return { A: valueOf('A'), B: valueOf('B'), validation: valueOf('validation'), test: valueOf('test') };
}
