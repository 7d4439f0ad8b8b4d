/** @file Safetensors files, tensor after tensor: the bytes of those made in memory, and files that are damaged. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SafetensorsError, writeSafetensors } from './safetensors.js';
import { outgoing, readSafetensorsFile, writeSafetensorsFile } from './safetensors-file.js';
import type { HostTensor } from './tensor.js';
import type { TrainingState } from './state.js';
import { encodeTrainingState, readTrainingState, writeTrainingState } from './training-state.js';

const tensors: Record<string, HostTensor> = {
  weights: { shape: [2, 3], data: Float32Array.of(1.5, -2, 0, 3e-30, NaN, Infinity) },
  step: { shape: [], data: BigInt64Array.of(-7n) },
  'a/half': { shape: [3], data: Uint16Array.of(1, 2, 3) },
  'a/brain': { shape: [1], data: Uint16Array.of(7), dtype: 'bfloat16' },
  mask: { shape: [5], data: Uint8Array.of(1, 0, 1, 1, 0) },
  // Not from the beginning of its memory.
  part: { shape: [2], data: Float64Array.of(1, Math.PI, -3).subarray(1) },
  empty: { shape: [0, 4], data: new Float32Array() },
};

let path: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'temper-'));
  path = join(folder, 'state.safetensors');
  onTestFinished(() => rm(folder, { recursive: true }));
});

describe('a file', () => {
  it.each([1, 3, 8, 1000])(
    'in pieces of %d bytes is what is made in memory, and comes back',
    async (atOnce) => {
      await writeSafetensorsFile(path, outgoing(tensors), { epoch: '3' }, atOnce);
      expect(Buffer.compare(await readFile(path), writeSafetensors(tensors, { epoch: '3' }))).toBe(0);
      const read = await readSafetensorsFile(path, atOnce);
      expect(read.tensors).toEqual(tensors);
      expect(read.metadata).toEqual({ epoch: '3' });
    },
  );

  it('asks for tensors one after the other, in the order of their names', async () => {
    const asked: string[] = [];
    const lazy = outgoing(tensors).map((tensor) => ({
      ...tensor,
      value: async () => {
        asked.push(tensor.name);
        return tensors[tensor.name]!;
      },
    }));
    await writeSafetensorsFile(path, lazy);
    expect(asked).toEqual(['a/brain', 'a/half', 'empty', 'mask', 'part', 'step', 'weights']);
    expect((await readSafetensorsFile(path)).tensors).toEqual(tensors);
  });

  it('is never written over', async () => {
    await writeFile(path, 'a thesis');
    await expect(writeSafetensorsFile(path, outgoing(tensors))).rejects.toThrow('EEXIST');
  });

  it('is not written where a tensor is not what was announced', async () => {
    const value = { shape: [3], data: new Float32Array(3) };
    const wrong = writeSafetensorsFile(path, [{ name: 'w', dtype: 'float32', shape: [2], value }]);
    await expect(wrong).rejects.toThrow('tensor w is float32 [3], and float32 [2] was announced');
  });
});

describe('a file that was cut off or went on is refused by name', () => {
  const whole = writeSafetensors(tensors);

  it.each([
    [0, 'it has 0 bytes, and the length of its header alone takes 8'],
    [5, 'it has 5 bytes'],
    [20, 'its header is said to take'],
    [whole.length - 1, 'tensor weights lies at'],
    [whole.length + 1, 'its tensors take 61 bytes, and 62 follow the header'],
  ])('at %d bytes', async (length, message) => {
    await writeFile(path, whole);
    await truncate(path, length);
    const reading = readSafetensorsFile(path, 3);
    await expect(reading).rejects.toBeInstanceOf(SafetensorsError);
    await expect(reading).rejects.toThrow(`${path} is not a safetensors file: `);
    await expect(reading).rejects.toThrow(message);
  });

  it('before memory is taken for what it says it holds', async () => {
    const header = Buffer.from(
      JSON.stringify({ w: { dtype: 'F32', shape: [2 ** 40], data_offsets: [0, 4] } }).padEnd(80),
    );
    const first = Buffer.alloc(8);
    first.writeBigUInt64LE(80n);
    await writeFile(path, Buffer.concat([first, header, Buffer.alloc(4)]));
    await expect(readSafetensorsFile(path)).rejects.toThrow(
      'takes 4398046511104 bytes as F32 [1099511627776], and is given 4',
    );
  });
});

describe('the file of a training state', () => {
  const w = { shape: [2], data: Float32Array.of(1, 2) };
  const state: TrainingState = {
    step: 12,
    parameters: { 'a/w': w, frozen: w },
    slots: { first: { 'a/w': w }, second: { 'a/w': w } },
  };

  it('has the bytes of the state in memory, and gives it back', async () => {
    await writeTrainingState(path, state);
    expect(Buffer.compare(await readFile(path), encodeTrainingState(state))).toBe(0);
    expect(await readTrainingState(path)).toEqual(state);
  });

  it('that was cut off, or is none: says which file, and what to do', async () => {
    const remedy = `Remove ${join(path, '..')}: the training goes on from the checkpoint before it, or begins anew`;
    const bytes = encodeTrainingState(state);
    await writeFile(path, bytes.subarray(0, bytes.length - 4));
    await expect(readTrainingState(path)).rejects.toThrow(
      `${path} is not a safetensors file: tensor second/a/w`,
    );
    await expect(readTrainingState(path)).rejects.toThrow(remedy);
    await writeFile(path, writeSafetensors({ w }));
    await expect(readTrainingState(path)).rejects.toThrow(`${path} holds tensors but no training state`);
    await expect(readTrainingState(path)).rejects.toThrow(remedy);
  });
});
