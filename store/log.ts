/** @file Logs of stages: one text file an attempt, only ever added to, kept after publication. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entriesOf, makeFolder } from './durable.js';
import { withStoreErrors } from './errors.js';
import { logFolder } from './layout.js';
import type { ArtifactRef } from './manifest.js';

export interface StageLog {
  readonly path: string;
  /** Adds text at the end, in the order of the calls. @throws StoreFull, EnvironmentError */
  append(text: string): Promise<void>;
}

/** The log of one attempt at a stage; the file appears with the first text. */
export function stageLog(root: string, ref: ArtifactRef, attempt: number): StageLog {
  const folder = logFolder(root, ref);
  const path = join(folder, `attempt-${attempt}.log`);
  let last: Promise<void> = Promise.resolve();
  const write = (text: string): Promise<void> =>
    withStoreErrors(path, async () => {
      await makeFolder(folder);
      await appendFile(path, text);
    });
  return {
    path,
    append(text) {
      // One that failed must not keep the next from being written; its own caller has the error.
      last = last.then(
        () => write(text),
        () => write(text),
      );
      return last;
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
