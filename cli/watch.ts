/** @file Watching a sweep: stages done, cached, running and failed, and what each device does. */
import { createLogUpdate } from 'log-update';
import type { Plan } from '../plan/plan.js';
import type { StageKey } from '../plan/stage.js';
import { failureOf } from '../store/failures.js';
import type { Store } from '../store/store.js';
import { workerStates, type WorkerState } from '../worker/worker-options.js';
import { formatSeconds } from './output.js';

export interface Standing {
  readonly stages: number;
  /** In the store when the run began. */
  readonly cached: number;
  /** Published since. */
  readonly done: number;
  readonly failed: number;
  /** What this look found damaged and set aside, in words. */
  readonly setAside: string[];
  readonly workers: WorkerState[];
}

/** Looks at the store and the workers; remembers what is published, so that each look asks only for the rest. */
export class Watch {
  readonly #store: Store;
  readonly #plan: Plan;
  readonly #folder: string;
  readonly #published = new Set<StageKey>();
  readonly #failed = new Set<StageKey>();
  #cached = 0;

  private constructor(store: Store, plan: Plan, folder: string) {
    this.#store = store;
    this.#plan = plan;
    this.#folder = folder;
  }

  /** The first look: what is published by now counts as cached. */
  static async begin(
    store: Store,
    plan: Plan,
    folder: string,
  ): Promise<{ watch: Watch; standing: Standing }> {
    const watch = new Watch(store, plan, folder);
    const { done, ...standing } = await watch.look();
    watch.#cached = done;
    return { watch, standing: { ...standing, cached: done, done: 0 } };
  }

  async look(): Promise<Standing> {
    const open = this.#plan.stages.filter(({ key }) => !this.#published.has(key));
    const { published, damaged } = await this.#store.probe(open.map(({ kind, key }) => ({ kind, key })));
    for (const { key } of published) {
      this.#published.add(key);
      this.#failed.delete(key);
    }
    for (const stage of open) {
      if (this.#published.has(stage.key)) continue;
      if ((await failureOf(this.#store.root, stage)) !== undefined) this.#failed.add(stage.key);
    }
    return {
      stages: this.#plan.stages.length,
      cached: this.#cached,
      done: this.#published.size - this.#cached,
      failed: this.#failed.size,
      setAside: damaged.map(({ ref, reason }) => `${ref.kind} ${ref.key.slice(0, 12)} set aside: ${reason}`),
      workers: await workerStates(this.#folder),
    };
  }
}

/** Shows a standing, in place on a terminal and as plain lines elsewhere. */
export interface Display {
  show(standing: Standing, notes: readonly string[]): void;
  end(): void;
}

export function displayOn(stream: NodeJS.WriteStream, heading: string): Display {
  return stream.isTTY ? new Panel(stream, heading) : new Lines(stream);
}

class Panel implements Display {
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #heading: string;
  readonly #width: number;

  constructor(stream: NodeJS.WriteStream, heading: string) {
    this.#update = createLogUpdate(stream);
    this.#heading = heading;
    this.#width = stream.columns;
  }

  show(standing: Standing, notes: readonly string[]): void {
    const lines = [this.#heading, bar(standing, Math.min(40, this.#width - 4)), summary(standing)];
    for (const worker of standing.workers.filter(({ role }) => role === 'compute'))
      lines.push(activity(worker));
    lines.push(...notes.map((text) => `! ${text}`));
    this.#update(lines.map((line) => line.slice(0, this.#width - 1)).join('\n'));
  }

  end(): void {
    this.#update.done();
  }
}

/** Seconds between two lines where nothing else calls for one. */
const quietSeconds = 15;

class Lines implements Display {
  readonly #stream: NodeJS.WriteStream;
  #shown = 0;
  #share = -1;
  #notes = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(standing: Standing, notes: readonly string[]): void {
    for (const text of notes.slice(this.#notes)) this.#stream.write(`warning: ${text}\n`);
    this.#notes = notes.length;
    const share = Math.floor((10 * (standing.done + standing.cached)) / Math.max(1, standing.stages));
    const now = performance.now();
    if (share === this.#share && now - this.#shown < quietSeconds * 1000) return;
    this.#share = share;
    this.#shown = now;
    const busy = standing.workers.filter((worker) => worker.stage !== undefined).map(activity);
    this.#stream.write(`${summary(standing)}${busy.length === 0 ? '' : ` · ${busy.join(' · ')}`}\n`);
  }

  end(): void {}
}

function bar({ stages, cached, done }: Standing, width: number): string {
  const share = (count: number): number => Math.round((width * count) / Math.max(1, stages));
  const filled = share(cached + done);
  return `${'░'.repeat(share(cached))}${'█'.repeat(filled - share(cached))}${'·'.repeat(width - filled)} ${Math.floor((100 * (cached + done)) / Math.max(1, stages))} %`;
}

function summary({ stages, cached, done, failed, workers }: Standing): string {
  const running = workers.filter((worker) => worker.stage !== undefined).length;
  const parts = [
    `${cached + done} of ${stages} stages`,
    `${done} done`,
    `${running} running`,
    `${cached} cached`,
  ];
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(', ');
}

/** "cpu:0 pretrain strong · seed 0: step 400/900, loss 1.234, 18.2 steps/s, 28 s left" */
export function activity({ label, stage, progress }: WorkerState): string {
  if (stage === undefined) return `${label} waits`;
  const parts: string[] = [];
  if (progress !== undefined && progress.of > 0) {
    parts.push(`step ${progress.step}/${progress.of}`);
    if (progress.loss !== undefined) parts.push(`loss ${progress.loss.toFixed(3)}`);
    if (progress.stepsPerSecond !== undefined && progress.stepsPerSecond > 0) {
      parts.push(`${progress.stepsPerSecond.toFixed(1)} steps/s`);
      parts.push(`${formatSeconds((progress.of - progress.step) / progress.stepsPerSecond)} left`);
    }
  }
  return `${label} ${stage.title}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}
