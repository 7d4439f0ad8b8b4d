/** @file A compute worker's side of its executor: starts it, hands it stages, notices its death and its hangs. */
import { fork, type ChildProcess } from 'node:child_process';
import type { StageSummary } from '../activities/context.js';
import {
  ExecutorDied,
  InputDamaged,
  JobFailed,
  JobStopped,
  type Executor,
  type Job,
  type JobProgress,
} from '../activities/executor.js';
import { entryPoint } from '../base/folders.js';
import type { ExecutorOptions, FromExecutor, ToExecutor } from './executor-protocol.js';

/** How long a stage may take from being asked to stop to its next step, before it is killed. */
const stopSeconds = 4;

/** A hang is no progress for so many seconds, or for so many times the median step, whichever is longer. */
export interface Patience {
  readonly seconds: number;
  readonly steps: number;
}

const usualPatience: Patience = { seconds: 60, steps: 20 };

/** An executor child: one at a time, started when it is first needed and again after it died. */
export class ExecutorProcess implements Executor {
  readonly label: string;
  readonly #options: ExecutorOptions;
  readonly #patience: Patience;
  #child: ChildProcess | undefined;

  constructor(options: ExecutorOptions, patience = usualPatience) {
    this.#options = options;
    this.#patience = patience;
    this.label = options.label;
  }

  /** The child's process id while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async run(
    job: Job,
    onProgress: (progress: JobProgress) => void,
    signal: AbortSignal,
  ): Promise<StageSummary> {
    const child = await this.#start();
    const pace = new Pace(this.#patience);
    return new Promise<StageSummary>((resolve, reject) => {
      let killer: NodeJS.Timeout | undefined;
      let hung = false;
      const ask = (message: ToExecutor): void => {
        // A child that is gone is told of by its exit.
        if (child.connected) child.send(message);
      };
      const stop = (): void => {
        ask({ type: 'stop' });
        killer ??= setTimeout(() => child.kill('SIGKILL'), stopSeconds * 1000);
      };
      const watch = setInterval(() => {
        if (!pace.isHanging()) return;
        hung = true;
        child.kill('SIGKILL');
      }, 1000);
      const end = (settle: () => void): void => {
        clearInterval(watch);
        clearTimeout(killer);
        signal.removeEventListener('abort', stop);
        child.off('message', onMessage);
        child.off('exit', onExit);
        settle();
      };
      const stopped = (): Error =>
        signal.reason instanceof Error ? signal.reason : new JobStopped('stopped');
      const onMessage = (message: FromExecutor): void => {
        switch (message.type) {
          case 'ready':
            return;
          case 'progress':
            pace.note(message.progress.step);
            return onProgress(message.progress);
          case 'done':
            return end(() => resolve(message.summary));
          case 'stopped':
            return end(() => reject(stopped()));
          case 'input-damaged':
            return end(() => reject(new InputDamaged(message.message)));
          case 'failed':
            return end(() => reject(new JobFailed(message.message, message.name, message.final)));
        }
      };
      const onExit = (code: number | null, killed: NodeJS.Signals | null): void => {
        if (signal.aborted) return end(() => reject(stopped()));
        const how = hung
          ? `made no progress for ${Math.round(pace.patience)} s and was killed`
          : killed === null
            ? `ended with exit code ${code}`
            : `was ended by ${killed}`;
        end(() => reject(new ExecutorDied(`the executor ${this.label} ${how}`)));
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      signal.addEventListener('abort', stop, { once: true });
      ask({ type: 'run', job });
      if (signal.aborted) stop();
    });
  }

  /** Ends the child, if there is one. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async #start(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    // Its standard input is the lifeline (see lifeline.ts); what it prints goes where this worker's output goes.
    const child = fork(entryPoint('worker/executor'), [JSON.stringify(this.#options)], {
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await new Promise<void>((resolve, reject) => {
      const onExit = (code: number | null, killed: NodeJS.Signals | null): void =>
        reject(
          new ExecutorDied(`the executor ${this.label} did not start (${killed ?? `exit code ${code}`})`),
        );
      child.once('exit', onExit);
      child.once('error', reject);
      child.once('message', () => {
        child.off('exit', onExit);
        resolve();
      });
    });
    return child;
  }
}

/** How long steps take, and whether one takes far too long. */
class Pace {
  #last = performance.now();
  #step = 0;
  readonly #seconds: number[] = [];
  readonly #patience: Patience;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  note(step: number): void {
    const now = performance.now();
    const steps = step - this.#step;
    if (steps > 0) this.#seconds.push((now - this.#last) / 1000 / steps);
    if (this.#seconds.length > 100) this.#seconds.shift();
    this.#last = now;
    this.#step = step;
  }

  /** Seconds without progress after which a stage hangs. */
  get patience(): number {
    const sorted = [...this.#seconds].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    return Math.max(this.#patience.seconds, this.#patience.steps * median);
  }

  isHanging(): boolean {
    return (performance.now() - this.#last) / 1000 > this.patience;
  }
}
