/** @file Frozen weights that stay in their file: the numbers of weights that are fed, and no copy of them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { mappedTensor, type ParameterSpec } from './definition.js';
import { parseDevice } from './device.js';
import { toFloat16 } from './half.js';
import { gemm, mul, reduceSum, sub } from './operators/index.js';
import { buildTrainingProgram, type ProgramForm, type TrainingProgram } from './program.js';
import { closeSessions } from './session.js';
import type { StoredTensor } from './stored.js';
import { bytesOf } from './tensor.js';
import { type Batch, initialState, type Tensors, Trainer } from './trainer.js';

const [rows, inner, steps] = [6, 10, 4];
let folder: string;

const normals = (count: number, ...purpose: (string | number)[]) => {
  const random = Random.of(2, ...purpose);
  return Float32Array.from({ length: count }, () => random.normal());
};
/** Short enough in binary for 16 bits. */
const rounded = normals(inner * inner, 'w').map((value) => Math.round(value * 64) / 64);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-mapped-'));
  // As in a protobuf file: at offsets that no element type is aligned to.
  const halves = bytesOf(toFloat16([...rounded]));
  await writeFile(
    join(folder, 'model.onnx'),
    Buffer.concat([Buffer.alloc(7), bytesOf(rounded), Buffer.alloc(2), halves]),
  );
});
afterAll(async () => {
  await closeSessions();
  await rm(folder, { recursive: true, force: true });
});

function stored(dtype: 'float32' | 'float16'): StoredTensor {
  const bytes = rounded.length * 4;
  return {
    name: `w.${dtype}`,
    dtype,
    shape: [inner, inner],
    location:
      dtype === 'float32'
        ? { file: join(folder, 'model.onnx'), offset: 7, length: bytes }
        : { file: join(folder, 'model.onnx'), offset: 7 + bytes + 2, length: bytes / 2 },
    read: () => Promise.resolve({ shape: [inner, inner], data: rounded }),
  };
}

/** x·A, then the frozen w, against y. */
function program(w: ParameterSpec, form: ProgramForm = 'scan'): TrainingProgram {
  const definition: Parameters<typeof buildTrainingProgram>[0] = {
    parameters: [{ name: 'a', shape: [inner, inner] }, w],
    inputs: [
      { name: 'x', dtype: 'float32', shape: [rows, inner] },
      { name: 'y', dtype: 'float32', shape: [rows, inner] },
    ],
    loss: (_graph, parameters, inputs) => {
      const error = sub(
        gemm(gemm(inputs('x'), parameters('a')), parameters('w'), undefined, { transB: true }),
        inputs('y'),
      );
      return { total: reduceSum(mul(error, error)) };
    },
    optimizer: { kind: 'sgd', learningRate: 1e-3, weightDecay: 0 },
    schedule: { kind: 'constant', warmup: 0 },
    steps,
  };
  return buildTrainingProgram(definition, form);
}

const batches: Batch[] = Array.from({ length: steps }, (_, step) => ({
  x: normals(rows * inner, 'x', step),
  y: normals(rows * inner, 'y', step),
}));

async function train(asked: TrainingProgram, parameters: Tensors): Promise<Float32Array> {
  const trainer = await Trainer.create(asked, initialState(asked, parameters), parseDevice('cpu'));
  await trainer.run(batches);
  const result = (await trainer.parameters())['a']?.data.slice() as Float32Array;
  await trainer.release();
  return result;
}

const a = { shape: [inner, inner], data: normals(inner * inner, 'a') };
const frozen = { name: 'w', shape: [inner, inner], trainable: false };

describe.each<ProgramForm>(['scan', 'step'])('in a program of the form %s', (form) => {
  it.each(['float32', 'float16'] as const)('a frozen weight of %s is read from its file', async (dtype) => {
    const mapped = program({ ...frozen, stored: { tensor: stored(dtype), transposed: false } }, form);
    expect(mapped.model.byteLength).toBeLessThan(program(frozen, form).model.byteLength + 400);
    expect(mapped.storedBytes).toBe(rounded.length * (dtype === 'float32' ? 4 : 2));
    const fed = await train(program(frozen, form), { a, w: { shape: [inner, inner], data: rounded } });
    expect(await train(mapped, { a })).toEqual(fed);
  });
});

describe('what stays in its file', () => {
  const spec = { ...frozen, stored: { tensor: {} as StoredTensor, transposed: false } };
  it('is what is frozen, stored as plain bytes, and the parameter itself', () => {
    const at = (changes: Partial<NonNullable<ParameterSpec['stored']>>, trainable = false) =>
      mappedTensor({
        ...spec,
        trainable,
        stored: { tensor: stored('float32'), transposed: false, ...changes },
      });
    expect(at({})?.location?.offset).toBe(7);
    expect(at({}, true)).toBeUndefined();
    expect(at({ offset: 1 })).toBeUndefined();
    expect(at({ slice: { axis: 1, start: 0, length: 2 } })).toBeUndefined();
    expect(at({ slice: { axis: 0, start: 2, length: 3 } })).toMatchObject({
      shape: [3, inner],
      location: { offset: 7 + 2 * inner * 4, length: 3 * inner * 4 },
    });
  });
});
