/** @file Logs of stages: one text file an attempt, only ever added to, kept after publication. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/errors.js';
import { entriesOf } from './durable.js';
import { logFolder } from './layout.js';
import type { ArtifactRef } from './manifest.js';

export interface StageLog {
  readonly path: string;
  /**
   * Adds a line (or several). Written when this returns, so that a process killed next has told what it did. Never
   * throws: where a line cannot be written (a full disk), the stage is worth more than its log, and the next line that
   * can be written says how many are missing and why.
   */
  append(line: string): void;
}

/** The log of one attempt at a stage; the file appears with the first line. */
export function stageLog(root: string, ref: ArtifactRef, attempt: number): StageLog {
  const folder = logFolder(root, ref);
  const path = join(folder, `attempt-${attempt}.log`);
  let missing = 0;
  let why = '';
  return {
    path,
    append(line) {
      const gap = missing === 0 ? '' : `(${missing} missing before this: ${why})\n`;
      try {
        mkdirSync(folder, { recursive: true });
        appendFileSync(path, `${gap}${line.replace(/\n$/, '')}\n`);
        missing = 0;
      } catch (error) {
        missing++;
        why = messageOf(error);
      }
    },
  };
}

/** Paths of a stage's logs, by attempt. */
export async function stageLogs(root: string, ref: ArtifactRef): Promise<string[]> {
  const folder = logFolder(root, ref);
  const attempts = (await entriesOf(folder)).flatMap(({ name }) => {
    const number = /^attempt-(\d+)\.log$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return attempts.sort((a, b) => a - b).map((attempt) => join(folder, `attempt-${attempt}.log`));
}
