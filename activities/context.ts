/** @file What a stage is given to work with: its inputs, a folder for its results, checkpoints, a log. */
import type { Artifact, Checkpoints } from '../store/store.js';
import type { Stage } from '../plan/stage.js';

/** Where a stage stands, for heartbeats and for people. */
export interface StageProgress {
  readonly step: number;
  readonly of: number;
  readonly loss?: number;
  /** Steps a second over the last second or so. */
  readonly stepsPerSecond?: number;
}

/** Numbers that a stage reports beside its artifact, for the UI. */
export interface StageSummary {
  readonly accuracy?: number;
}

export interface StageContext {
  readonly stage: Stage;
  /** The artifact behind a role of the stage's inputs, verified; the one role that has no shards. */
  input(role: string): Artifact;
  /** The artifacts behind a role that was made in shards (or the single one), in order. */
  inputs(role: string): Artifact[];
  /** Whether the stage has an input of that role. */
  has(role: string): boolean;
  /** Where the files of the artifact are to be written. */
  readonly folder: string;
  readonly checkpoints: Checkpoints;
  /** Threads that one operator may use. No result depends on it. */
  readonly threads: number;
  /** Training steps between two looks at whether to stop, at most. No result depends on it. */
  readonly stepsAtOnce: number;
  /** Says that the stage is alive and where it stands; call it at least every second or so. */
  progress(progress: StageProgress): void;
  /** One line of the stage's log, which is kept. */
  log(line: string): void;
  /** Lets messages in; throws {@link Stopped} when the stage has been asked to stop. Call it between steps. */
  breathe(): Promise<void>;
  /** Whether the stage has been asked to stop: save a checkpoint, then {@link breathe}. */
  stopping(): Promise<boolean>;
}

/** Thrown by a stage that was asked to stop, after its checkpoint is durable. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** One file per stage kind exports one of these. */
export type StageFunction = (context: StageContext) => Promise<StageSummary>;
