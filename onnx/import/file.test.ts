/** @file Opening ONNX files: where weights stand, and what is said about files that are broken. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation as DataLocation,
  type TensorProto,
  TensorProtoSchema,
} from '../onnx_pb.js';
import { smallModel, smallNode } from '../testing/small-model.js';
import { bytesOf, type HostTensor } from '../tensor.js';
import { openOnnx } from './file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temper-onnx-'));
});
afterEach(() => rm(folder, { recursive: true }));

const numbers = Float32Array.from({ length: 600 }, (_, i) => i / 7);
const weight: HostTensor = { shape: [20, 30], data: numbers };

/** A model of one product with a weight. */
async function written(): Promise<string> {
  const path = join(folder, 'model.onnx');
  await writeFile(
    path,
    smallModel({
      opset: 17,
      inputs: { x: { shape: [2, 20], data: new Float32Array(40) } },
      initializers: { 'layer.weight': weight },
      nodes: [{ type: 'MatMul', inputs: ['x', 'layer.weight'], outputs: ['y'] }],
      outputs: ['y'],
    }),
  );
  return path;
}

/** A model whose tensors are in `weights.bin`: an initializer, and the tensor of a Constant node behind it. */
async function writtenApart(location = 'weights.bin', length = String(numbers.byteLength)): Promise<string> {
  const path = join(folder, 'model.onnx');
  const external = (name: string, offset: number): TensorProto =>
    create(TensorProtoSchema, {
      name,
      dims: [20n, 30n],
      dataType: 1,
      dataLocation: DataLocation.EXTERNAL,
      externalData: [
        { key: 'location', value: location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: length },
      ],
    });
  const constant = smallNode({ type: 'Constant', inputs: [], outputs: ['c'], attributes: { value: weight } });
  (constant.attribute[0] as { t: TensorProto }).t = external('', 1024);
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: create(GraphProtoSchema, {
      node: [constant],
      initializer: [external('w', 64)],
      output: [{ name: 'c' }],
    }),
  });
  await writeFile(path, toBinary(ModelProtoSchema, model));
  const data = Buffer.alloc(1024 + numbers.byteLength);
  data.set(bytesOf(numbers), 1024);
  data.set(bytesOf(numbers).subarray(0, 960), 64);
  await writeFile(join(folder, 'weights.bin'), data);
  return path;
}

async function complaint(path: string): Promise<string> {
  const error: unknown = await openOnnx(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message.replaceAll(folder, 'FOLDER');
}

describe('an ONNX file', () => {
  it('knows where its weights stand without reading them', async () => {
    const file = await openOnnx(await written());
    const stored = file.weights.get('layer.weight');
    expect(stored).toMatchObject({ dtype: 'float32', shape: [20, 30] });
    const {
      file: path,
      offset,
      length,
    } = stored?.location as { file: string; offset: number; length: number };
    const bytes = (await readFile(path)).subarray(offset, offset + length);
    expect(bytes.equals(bytesOf(numbers))).toBe(true);
    expect((await stored?.read())?.data).toEqual(numbers);
    expect(file.opsets.get('')).toBe(17);
    expect(file.graph.node.map((node) => node.opType)).toEqual(['MatMul']);
    expect(file.graph.initializer).toEqual([]);
  });

  it('has weights in files beside it, those of Constant nodes too', async () => {
    const file = await openOnnx(await writtenApart());
    expect(file.graph.node).toEqual([]);
    expect(file.weights.get('w')?.location).toEqual({
      file: join(folder, 'weights.bin'),
      offset: 64,
      length: numbers.byteLength,
    });
    expect((await file.weights.get('c')?.read())?.data).toEqual(numbers);
  });
});

describe('a file that cannot be opened', () => {
  it('is missing', async () => {
    expect(await complaint(join(folder, 'none.onnx'))).toMatch(/FOLDER\/none\.onnx cannot be opened: ENOENT/);
  });

  it('is empty', async () => {
    await writeFile(join(folder, 'model.onnx'), '');
    expect(await complaint(join(folder, 'model.onnx'))).toMatch(/is empty: download or export it again/);
  });

  it('is truncated, wherever it ends', async () => {
    const path = await written();
    const whole = await readFile(path);
    for (const size of [whole.length - 1, whole.length - 100, 2000, 300]) {
      await writeFile(path, whole);
      await truncate(path, size);
      expect(await complaint(path), `cut to ${size}`).toMatch(
        new RegExp(`model\\.onnx is truncated \\(${size} bytes; .*: download or export it again`),
      );
    }
  });

  it('is something else', async () => {
    const path = join(folder, 'model.onnx');
    for (const text of ['<!DOCTYPE html><html>Not Found</html>', 'hello', '{"model": 1}', '\0\0\0\0']) {
      await writeFile(path, text);
      expect(await complaint(path), text).toMatch(/is not an ONNX file, or damaged|is truncated/);
    }
  });

  it('is a pointer of Git LFS', async () => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n');
    expect(await complaint(path)).toMatch(/is a pointer of Git LFS .*git lfs pull/);
  });

  it('lacks its external data', async () => {
    const path = await writtenApart();
    await rm(join(folder, 'weights.bin'));
    expect(await complaint(path)).toBe(
      'FOLDER/model.onnx: weight "w" (float32[20, 30]) is in the external file FOLDER/weights.bin, which is missing: ' +
        'put weights.bin beside the .onnx file, as it was exported (weights over 2 GB are always in a file of their own)',
    );
  });

  it('has external data that are too short', async () => {
    const path = await writtenApart();
    await truncate(join(folder, 'weights.bin'), 2000);
    expect(await complaint(path)).toMatch(
      /weight "w" .* at bytes 64 to 2464 of FOLDER\/weights\.bin, which has 2000: that file is truncated or belongs to another model/,
    );
  });

  it('has tensors of another size than they say', async () => {
    expect(await complaint(await writtenApart('weights.bin', '100'))).toMatch(
      /weight "w" \(float32\[20, 30\]\) has 100 bytes instead of 2400/,
    );
  });

  it.each(['../weights.bin', '/etc/passwd', ''])(
    'has external data in %j, which is not beside it',
    async (place) => {
      expect(await complaint(await writtenApart(place))).toMatch(/which is not beside the model/);
    },
  );
});
