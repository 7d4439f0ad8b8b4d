/** @file The log of a training, a line of JSON a step: it survives a kill, and never holds a step twice. */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EnvironmentError, messageOf } from '../../base/errors.js';

export interface LoggedStep {
  /** From 1. */
  readonly step: number;
  /** Before the step's update. */
  readonly loss: number;
  /** Global norm of the gradients, before clipping. */
  readonly grad_norm: number;
  /** That the step was taken with. */
  readonly learning_rate: number;
}

export interface StepLog {
  append(step: LoggedStep): void;
  /** Asks the disk to keep what is written. */
  sync(): void;
  close(): void;
}

/** For a training that nobody wants to read about. */
const silent: StepLog = { append: () => undefined, sync: () => undefined, close: () => undefined };

/**
 * Opens the log of a training that `steps` of have been taken: whatever else it held (steps after the checkpoint that
 * is gone on from) is cut off.
 */
export async function openStepLog(path: string | undefined, steps: readonly LoggedStep[]): Promise<StepLog> {
  if (path === undefined) return silent;
  let file: number;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const beside = `${path}.${process.pid}.tmp`;
    await writeFile(beside, steps.map(line).join(''));
    await rename(beside, path);
    file = openSync(path, 'a');
  } catch (error) {
    throw new EnvironmentError(`the log ${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
  return {
    // Synchronous: a process that is killed next has told of every step that it took.
    append: (step) => void writeSync(file, line(step)),
    sync: () => fsyncSync(file),
    close: () => {
      fsyncSync(file);
      closeSync(file);
    },
  };
}

function line(step: LoggedStep): string {
  return `${JSON.stringify(step)}\n`;
}
