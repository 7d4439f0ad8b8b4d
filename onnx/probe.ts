/** @file Whether a device can be used, why not, and how fast it is. */
import { EnvironmentError, messageOf } from '../base/errors.js';
import { type Device, deviceEntry, deviceName } from './device.js';
import { encodeGraph, encodeModel } from './encode.js';
import { evaluator } from './evaluate.js';
import { Graph, type Value } from './graph.js';
import { add, matmul, mul, reduceSum } from './operators/index.js';
import { openSession } from './session.js';

/**
 * Makes sure that a device can be used, before anything is begun on it.
 *
 * @throws EnvironmentError that says what is missing and how to get it
 */
export async function requireDevice(device: Device): Promise<void> {
  const { missing, remedy } = deviceEntry(device);
  const lacking = missing();
  if (lacking !== undefined) throw new EnvironmentError(`device ${deviceName(device)}: ${lacking}`);
  const graph = new Graph();
  const sum = add(graph.input('x', 'float32', [1]), 1);
  try {
    const lease = await openSession(encodeModel(encodeGraph('probe', graph.inputs, { sum })), device);
    await lease.release();
  } catch (error) {
    // ONNX Runtime puts its source file first and the reason behind it.
    const reason = /Failed to .*/s.exec(messageOf(error))?.[0].trim() ?? messageOf(error);
    throw new EnvironmentError(`device ${deviceName(device)} cannot be used: ${reason}\n${remedy}`);
  }
}

/** How fast a device is at what training spends its time on. */
export interface Speed {
  /** Products of square matrices, billions of multiplications and additions a second. */
  readonly gflops: number;
  /** Side of the matrices. */
  readonly size: number;
  /** Element-wise work, billions of bytes read and written a second. */
  readonly gigabytesPerSecond: number;
}

/** Products in a row within one run, so that what crosses the bus does not count. */
const products = 8;
const passes = 16;

/** Measures for about `seconds`: matrices grow as long as a run takes less than a tenth of that. */
export async function measureDevice(device: Device, seconds: number): Promise<Speed> {
  const deadline = performance.now() + seconds * 1000;
  let speed = { gflops: 0, size: 0 };
  for (let size = 128; size <= 8192; size *= 2) {
    const ms = await bestOf(device, productChain(size), (deadline - performance.now()) / 4);
    speed = { gflops: (products * 2 * size ** 3) / ms / 1e6, size };
    if (ms > seconds * 50 || performance.now() + 16 * ms > deadline) break;
  }
  const elements = 2 ** 22;
  const ms = await bestOf(device, additionChain(elements), deadline - performance.now());
  return { ...speed, gigabytesPerSecond: (passes * 2 * 4 * elements) / ms / 1e6 };
}

interface Chain {
  readonly output: Value;
  readonly shape: readonly number[];
}

function productChain(size: number): Chain {
  const x = new Graph().input('x', 'float32', [size, size]);
  let y = x;
  for (let i = 0; i < products; i++) y = matmul(y, x);
  return { output: reduceSum(y), shape: x.shape as number[] };
}

function additionChain(elements: number): Chain {
  const x = new Graph().input('x', 'float32', [elements]);
  let y = x;
  // Not additions alone, which an optimizer could join.
  for (let i = 0; i < passes; i++) y = i % 2 === 0 ? mul(y, 0.5) : add(y, 1);
  return { output: reduceSum(y), shape: x.shape as number[] };
}

/** Milliseconds of the fastest run; two at least, the first not counted. */
async function bestOf(device: Device, { output, shape }: Chain, milliseconds: number): Promise<number> {
  const ready = await evaluator({ output }, device);
  try {
    const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(0.01);
    const feeds = { x: { shape, data } };
    await ready.run(feeds);
    const until = performance.now() + milliseconds;
    let best = Infinity;
    do {
      const begin = performance.now();
      await ready.run(feeds);
      best = Math.min(best, performance.now() - begin);
    } while (performance.now() < until);
    return best;
  } finally {
    await ready.release();
  }
}
