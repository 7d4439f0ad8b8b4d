/** @file Safetensors: round trip, bytes that Python's library reads, and damaged files. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.js';
import type { HostTensor } from './tensor.js';
import type { TrainingState } from './trainer.js';
import { decodeTrainingState, encodeTrainingState } from './training-state.js';

const tensors: Record<string, HostTensor> = {
  weights: { shape: [2, 3], data: Float32Array.of(1.5, -2, 0, 3e-30, NaN, Infinity) },
  step: { shape: [], data: BigInt64Array.of(-7n) },
  'a/double': { shape: [1], data: Float64Array.of(Math.PI) },
  ids: { shape: [3], data: Int32Array.of(1, -2, 3) },
  mask: { shape: [5], data: Uint8Array.of(1, 0, 1, 1, 0) },
  empty: { shape: [0, 4], data: new Float32Array() },
};

describe('a safetensors file', () => {
  it('gives back what was written', () => {
    const read = readSafetensors(writeSafetensors(tensors, { epoch: '3' }), 'memory');
    expect(read.tensors).toEqual(tensors);
    expect(read.metadata).toEqual({ epoch: '3' });
  });

  it('is the same whatever the order of the tensors', () => {
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    expect(Buffer.compare(writeSafetensors(reversed), writeSafetensors(tensors))).toBe(0);
  });

  it('is read wherever in memory it starts', () => {
    const file = writeSafetensors(tensors);
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(readSafetensors(shifted.subarray(3), 'memory').tensors).toEqual(tensors);
  });

  it("is read by Python's library", async ({ skip }) => {
    const python = process.env['TEMPER_PYTHON'] ?? 'python3';
    try {
      execFileSync(python, ['-c', 'import safetensors.numpy'], { stdio: 'ignore' });
    } catch {
      skip(`${python} has no safetensors; set TEMPER_PYTHON to one that has`);
    }
    const folder = await mkdtemp(join(tmpdir(), 'temper-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'file.safetensors'), writeSafetensors(tensors));
    const script = `
import json, sys, safetensors.numpy as s
print(json.dumps({k: [str(v.dtype), list(v.shape), repr(v.flatten().tolist())] for k, v in s.load_file(sys.argv[1]).items()}))`;
    const output = execFileSync(python, ['-c', script, join(folder, 'file.safetensors')], {
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toEqual({
      weights: ['float32', [2, 3], '[1.5, -2.0, 0.0, 3.0000000095132306e-30, nan, inf]'],
      step: ['int64', [], '[-7]'],
      'a/double': ['float64', [1], '[3.141592653589793]'],
      ids: ['int32', [3], '[1, -2, 3]'],
      mask: ['bool', [5], '[True, False, True, True, False]'],
      empty: ['float32', [0, 4], '[]'],
    });
  });
});

describe('a damaged file is refused, saying what is wrong with it', () => {
  const file = (header: unknown, body = 8) => {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const bytes = Buffer.alloc(8 + text.length + body);
    bytes.writeBigUInt64LE(BigInt(text.length));
    text.copy(bytes, 8);
    return bytes;
  };
  const tensor = (change: object) => ({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change } });
  const long = writeSafetensors(tensors);

  it.each<[string, Uint8Array, string]>([
    ['empty', Buffer.alloc(0), 'x.safetensors is not a safetensors file: it has 0 bytes'],
    ['cut off in its header', long.subarray(0, 20), 'its header is said to take'],
    ['cut off in its tensors', long.subarray(0, long.length - 1), 'lies at'],
    ['longer than its tensors', Buffer.concat([long, Buffer.alloc(1)]), 'bytes follow the header'.slice(6)],
    ['of another format', Buffer.from('PK\u0003\u0004 and so on, a zip'), 'its header is said to take'],
    ['with a header that is not JSON', file('{"w": '), 'its header is not JSON'],
    ['with a header that is a list', file([]), 'its header is not an object'],
    [
      'with an unknown element type',
      file(tensor({ dtype: 'F8_E4M3' })),
      'tensor w has elements of type F8_E4M3',
    ],
    [
      'with a shape that does not fill its bytes',
      file(tensor({ shape: [3] })),
      'takes 12 bytes as F32 [3], and is given 8',
    ],
    ['with a negative shape', file(tensor({ shape: [-2] })), 'lacks a dtype, a shape or data_offsets'],
    [
      'with a tensor outside of it',
      file(tensor({ data_offsets: [8, 16] })),
      'tensor w lies at 8…16 of 8 bytes',
    ],
    ['with a tensor that ends before it begins', file(tensor({ data_offsets: [8, 0] })), 'lies at 8…0'],
    ['with bytes of no tensor', file(tensor({}), 12), 'its tensors take 8 bytes, and 12 follow'],
  ])('%s', (_what, bytes, message) => {
    expect(() => readSafetensors(bytes, 'x.safetensors')).toThrow(SafetensorsError);
    expect(() => readSafetensors(bytes, 'x.safetensors')).toThrow(message);
  });
});

describe('a training state', () => {
  const w = { shape: [2], data: Float32Array.of(1, 2) };
  it('comes back as it was, optimizers without memory included', () => {
    const memories: TrainingState['slots'][] = [{ first: { 'a/w': w }, second: { 'a/w': w } }, {}];
    for (const slots of memories) {
      const state: TrainingState = { step: 12, parameters: { 'a/w': w, frozen: w }, slots };
      expect(decodeTrainingState(encodeTrainingState(state), 'state')).toEqual(state);
    }
  });

  it('is not read from any other file of tensors', () => {
    expect(() => decodeTrainingState(writeSafetensors({ w }), 'model.safetensors')).toThrow(
      'model.safetensors holds tensors but no training state',
    );
  });
});
