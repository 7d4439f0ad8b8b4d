/** @file A process that ends with its parent: it holds the reading end of a pipe that only the parent can close. */
import { readSync } from 'node:fs';
import { Worker, isMainThread } from 'node:worker_threads';

/**
 * Kills this process, at once and whatever its main thread is doing, when the pipe on its standard input closes.
 * A main thread inside ONNX Runtime cannot notice that its parent is gone; a thread that does nothing but wait can.
 */
export function dieWithParent(): void {
  new Worker(new URL(import.meta.url)).unref();
}

if (!isMainThread) {
  const nothing = Buffer.alloc(1);
  while (readSync(0, nothing) > 0);
  process.kill(process.pid, 'SIGKILL');
}
