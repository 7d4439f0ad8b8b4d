import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { ModelProtoSchema } from '../../onnx/onnx_pb.js';
import type { StoredParameter } from '../../onnx/stored.js';
import { bytesOf } from '../../onnx/tensor.js';
import { type ImportedNetwork, importNetwork, readParameter } from '../huggingface/network.js';
import { type Rows, runOriginal } from '../huggingface/testing/original.js';
import { unpackFixture } from '../huggingface/testing/fixtures.js';
import { writeMerged } from './merged.js';
import { writeOnnx } from './onnx-writer.js';
import type { Parameter } from './stored-form.js';

const rows: Rows = {
  tokens: [
    [5, 6, 7, 8, 9],
    [10, 11, 12, 0, 0],
  ],
  mask: [
    [1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0],
  ],
};

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'merged-'))));
afterEach(() => rm(scratch, { recursive: true }));

interface Opened {
  readonly folder: string;
  readonly onnxPath: string;
  readonly config: JsonObject;
  readonly network: ImportedNetwork;
}

async function open(folder: string, onnxPath: string): Promise<Opened> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
  return { folder, onnxPath, config, network: await importNetwork({ onnxPath, config }) };
}

/** Every parameter moved by something that depends on its place. */
async function movedParameters({ network }: Opened): Promise<Map<string, Parameter>> {
  const moved = await Promise.all(
    network.parameters.map(async (spec) => {
      const { shape, data } = await readParameter(spec);
      return [spec.name, { shape, data: data.map((value, i) => value * 1.25 + 0.01 * Math.cos(i)) }] as const;
    }),
  );
  return new Map(moved);
}

const merge = async ({ folder, config, network }: Opened, values: Map<string, Parameter>, out: string) => {
  await writeMerged({ file: network.file, folder, config, parameters: network.parameters, values }, out);
  return open(out, join(out, 'onnx/model.onnx'));
};

const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);

const unpack = async (name: string, road: string): Promise<Opened> => {
  const folder = join(scratch, `${name}-${road}`);
  await unpackFixture(name, road, folder);
  return open(folder, join(folder, 'onnx/model.onnx'));
};

describe.each(['gpt2', 'llama', 'llama-tied', 'gemma', 'qwen3', 'bert', 'modernbert'])('%s', (name) => {
  it('keeps its logits where nothing was trained', async () => {
    const before = await unpack(name, 'optimum');
    const after = await merge(before, new Map(), join(scratch, 'same'));
    const [x, y] = [
      await runOriginal(before.onnxPath, rows, before.config),
      await runOriginal(after.onnxPath, rows, after.config),
    ];
    expect(y.shape).toEqual(x.shape);
    expect(furthest(y.data, x.data)).toBe(0);
    expect(after.network.file.graph.input).toEqual(before.network.file.graph.input);
    expect(after.network.file.graph.output).toEqual(before.network.file.graph.output);
    expect([...after.network.file.opsets]).toEqual([...before.network.file.opsets]);
  });

  it('gives the same logits with new weights, whichever exporter stored them', async () => {
    const [one, other] = [await unpack(name, 'optimum'), await unpack(name, 'dynamo')];
    const values = await movedParameters(one);
    const known = new Set(other.network.parameters.map((spec) => spec.name));
    expect([...values.keys()].filter((key) => !known.has(key))).toEqual([]);
    const merged = await merge(one, values, join(scratch, 'one'));
    const otherMerged = await merge(other, values, join(scratch, 'other'));
    const logits = await runOriginal(merged.onnxPath, rows, merged.config);
    expect(furthest(logits.data, (await runOriginal(one.onnxPath, rows, one.config)).data)).toBeGreaterThan(
      0.01,
    );
    expect(
      furthest(logits.data, (await runOriginal(otherMerged.onnxPath, rows, otherMerged.config)).data),
    ).toBeLessThan(2e-5);
    for (const spec of merged.network.parameters) {
      const { data } = await readParameter(spec);
      // Gemma's 1 + w is rounded where it is stored.
      expect(furthest(data, (values.get(spec.name) as Parameter).data), spec.name).toBeLessThan(1e-6);
    }
  });
});

describe('weights of fewer bits, or joined', () => {
  // Written back through float32, with 16 bits only what 16 bits can hold.
  it.each(['genai', 'q4', 'fp16'])(
    'llama by %s keeps its logits when every weight is written again',
    async (road) => {
      const before = await unpack('llama-tied', road);
      const values = new Map<string, Parameter>();
      for (const spec of before.network.parameters) values.set(spec.name, await readParameter(spec));
      const out = join(scratch, 'out');
      const { file, parameters } = before.network;
      const { dequantized } = await writeMerged({ ...before, file, parameters, values }, out);
      const types = new Set(file.graph.node.map((node) => node.opType));
      const after = await open(out, join(out, 'onnx/model.onnx'));
      expect(dequantized.length > 0).toBe(types.has('MatMulNBits'));
      expect(after.network.file.graph.node.some((node) => node.opType === 'MatMulNBits')).toBe(false);
      const [x, y] = [
        await runOriginal(before.onnxPath, rows, before.config),
        await runOriginal(after.onnxPath, rows, after.config),
      ];
      expect(furthest(y.data, x.data)).toBeLessThan(1e-5);
    },
  );

  it('stays packed where nothing was trained', async () => {
    const before = await unpack('llama-tied', 'q4');
    const name = before.network.linears.find((linear) => linear.name.endsWith('q_proj'))?.weight as string;
    const spec = before.network.parameters.find((each) => each.name === name);
    const after = await merge(
      before,
      new Map([[name, await readParameter(spec as NonNullable<typeof spec>)]]),
      join(scratch, 'out'),
    );
    const count = (model: Opened) =>
      model.network.file.graph.node.filter((node) => node.opType === 'MatMulNBits').length;
    expect(count(after)).toBe(count(before) - 1);
    const { tensor, quantized } = (spec as NonNullable<typeof spec>).stored as StoredParameter;
    const gone = [tensor, quantized?.scales].map((stored) => stored?.name as string);
    expect(gone.filter((each) => after.network.file.weights.has(each))).toEqual([]);
  });
});

describe('weights beside the file', () => {
  it('are beside the export, too, and their folder may be moved', async () => {
    const small = await unpack('qwen2', 'optimum');
    const tensors = [...small.network.file.weights.values()].map((tensor) => ({
      ...{ name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.location?.length ?? 0 },
      pieces: async function* () {
        yield bytesOf((await tensor.read()).data);
      },
    }));
    const { graph, opsets, irVersion } = small.network.file;
    const model = create(ModelProtoSchema, {
      ...{ graph, irVersion },
      opsetImport: [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    });
    const apart = join(small.folder, 'onnx/apart.onnx');
    expect(await writeOnnx(apart, model, tensors, { external: true })).toEqual([
      'apart.onnx',
      'apart.onnx_data',
    ]);
    const before = await open(small.folder, apart);
    const values = await movedParameters(before);
    const after = await merge(before, values, join(scratch, 'out'));
    const alone = await merge(small, values, join(scratch, 'alone'));
    expect((await readdir(join(scratch, 'out/onnx'))).sort()).toEqual(['model.onnx', 'model.onnx_data']);
    expect(after.config['transformers.js_config']).toEqual({ use_external_data_format: { 'model.onnx': 1 } });
    await rm(small.folder, { recursive: true });
    const [x, y] = [
      await runOriginal(alone.onnxPath, rows, small.config),
      await runOriginal(after.onnxPath, rows, small.config),
    ];
    expect(furthest(y.data, x.data)).toBe(0);
  });
});

describe('the folder', () => {
  it('is there as a whole or not at all', async () => {
    const model = await unpack('distilbert', 'optimum');
    const out = join(scratch, 'out');
    await merge(model, new Map(), out);
    expect((await readdir(out)).sort()).toEqual((await readdir(model.folder)).sort());
    const before = await readdir(scratch);
    const [spec] = model.network.parameters;
    const wrong = { shape: [1], data: Float32Array.of(1) };
    const no = join(scratch, 'no');
    await expect(merge(model, new Map([[spec?.name as string, wrong]]), no)).rejects.toThrow(
      /is \[1\], and the file holds \[/,
    );
    await expect(merge(model, new Map([['nonsense', wrong]]), no)).rejects.toThrow(
      /has no place for the parameter nonsense/,
    );
    expect(await readdir(scratch)).toEqual(before);
  });

  it('takes the place of an older one, and leaves what else is there', async () => {
    const model = await unpack('bert', 'optimum');
    const out = join(scratch, 'out');
    await merge(model, new Map(), out);
    await writeFile(join(out, 'log.jsonl'), 'mine');
    await merge(model, await movedParameters(model), out);
    expect((await readdir(out)).sort()).toEqual(['config.json', 'log.jsonl', 'onnx']);
    expect((await readdir(scratch)).sort()).toEqual(['bert-optimum', 'out']);
  });
});
