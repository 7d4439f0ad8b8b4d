/** @file Training steps that are done again after a kill, counted from what the workers tell. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerState } from '../worker/worker-options.js';
import type { System } from './system.js';

/** Whether a worker is in the middle of a training. */
export function isTraining({ stage, progress }: WorkerState): boolean {
  const trains = stage?.kind === 'pretrain' || stage?.kind === 'finetune';
  return trains && progress !== undefined && progress.step > 0 && progress.step < progress.of;
}

/** Watches how far each training has got, and counts what is done again after a kill. */
export class RepeatedSteps {
  readonly #system: System;
  readonly #reached = new Map<string, number>();
  readonly #watching: Promise<void>;
  #over = false;
  #repeated = 0;

  constructor(system: System) {
    this.#system = system;
    this.#watching = this.#watch();
  }

  async end(): Promise<number> {
    this.#over = true;
    await this.#watching;
    return this.#repeated;
  }

  async #watch(): Promise<void> {
    while (!this.#over) {
      for (const state of (await this.#system.states()).filter(isTraining)) {
        const { key } = state.stage!;
        const { step } = state.progress!;
        const before = this.#reached.get(key) ?? 0;
        // Progress names the checkpoint that the training could go on from, and has gone on from.
        const from = 'checkpoint' in state.progress! ? Number(state.progress.checkpoint) : 0;
        if (step < before) this.#repeated += before - from;
        this.#reached.set(key, step);
      }
      await sleep(200);
    }
  }
}
