/** @file A process that ends with its parent: it holds the reading end of a pipe that only the parent can close. */
import { Socket } from 'node:net';
import { Worker, isMainThread } from 'node:worker_threads';

/**
 * Kills this process, at once and whatever its main thread is doing, when the pipe on its standard input closes.
 * A main thread inside ONNX Runtime cannot notice that its parent is gone; a thread that does nothing but wait can.
 */
export function dieWithParent(): void {
  new Worker(new URL(import.meta.url)).unref();
}

if (!isMainThread) {
  // Not a blocking read: a thread that is inside of one would keep the process from ending by itself.
  const pipe = new Socket({ fd: 0, readable: true, writable: false });
  pipe.once('close', () => process.kill(process.pid, 'SIGKILL'));
  // A pipe that breaks closes; there is nothing else to do about it.
  pipe.once('error', () => pipe.destroy());
  pipe.resume();
}
