/** @file A model that answers a task's questions, whatever its architecture and however the task is answered. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Example, Item, Label, TaskDefinition } from '../../datasets/task.js';
import type { StageContext } from '../context.js';

/** An item, and what is shown before it. */
export interface Question {
  readonly item: Item;
  readonly examples?: readonly Example[];
}

/** Draws of answers beside the likeliest one. */
export interface Sampling {
  readonly count: number;
  readonly temperature: number;
  readonly seed: number;
}

export interface Answerer {
  /** In the order of the questions; each depends on its question alone, to the last bit. */
  answers(questions: readonly Question[], samples?: Sampling): Promise<Label[]>;
  /**
   * Continuations of texts as they stand, greedily, until the model ends them or begins a text that stops them; models
   * of language only. By default as many tokens as the task's answers have, and what stops those.
   */
  write?(
    prompts: readonly string[],
    options?: { readonly tokens?: number; readonly stop?: readonly string[] },
  ): Promise<string[]>;
  /** What a layer holds at each item's last token; default: the middle layer. */
  activations?(items: readonly Item[], layer?: number): Promise<Float32Array[]>;
  release(): Promise<void>;
}

export interface AnswererRequest {
  readonly context: StageContext;
  readonly task: TaskDefinition;
  /** The model's folder. */
  readonly folder: string;
}

export type OpenAnswerer = (request: AnswererRequest) => Promise<Answerer>;

/** The architecture that a model's folder says it has. */
export async function architectureOf(folder: string): Promise<string> {
  const config: unknown = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  return z.looseObject({ architecture: z.string() }).parse(config).architecture;
}
