/** @file Warm sessions: shared while in use, kept for the next, closed when there are too many. */
import { afterEach, describe, expect, it } from 'vitest';
import { parseDevice } from './device.js';
import { encodeGraph, encodeModel } from './encode.js';
import { Graph } from './graph.js';
import { mul } from './operators/index.js';
import { closeSessions, openSession, openSessionCount, toOrt } from './session.js';

function timesModel(factor: number): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [1]);
  return encodeModel(encodeGraph('times', [x], { y: mul(x, factor) }));
}

const cpu = parseDevice('cpu');

afterEach(closeSessions);

describe('a session', () => {
  it('is shared by all who ask for the same model on the same device', async () => {
    const first = await openSession(timesModel(2), cpu);
    const second = await openSession(timesModel(2), cpu);
    const other = await openSession(timesModel(2), parseDevice('cpu:2'));
    expect(second.session).toBe(first.session);
    expect(other.session).not.toBe(first.session);
    for (const lease of [first, second, other]) await lease.release();
  });

  it('stays warm when given back, and usable for those who still have it', async () => {
    const first = await openSession(timesModel(3), cpu);
    const second = await openSession(timesModel(3), cpu);
    await first.release();
    await first.release(); // a second time changes nothing
    await closeSessions();
    const { y } = await second.session.run({ x: toOrt({ shape: [1], data: Float32Array.of(5) }) });
    expect(y?.data[0]).toBe(15);
    await second.release();
    expect(openSessionCount()).toBe(1);
    await closeSessions();
    expect(openSessionCount()).toBe(0);
  });

  it('that has not been used for longest is closed when many are warm', async () => {
    for (let factor = 0; factor < 12; factor++) await (await openSession(timesModel(factor), cpu)).release();
    expect(openSessionCount()).toBe(8);
  });

  it('that cannot be made leaves nothing behind', async () => {
    await expect(openSession(Buffer.from('not a model'), cpu)).rejects.toThrow();
    expect(openSessionCount()).toBe(0);
  });
});
