import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { deviceName, devices, parseDevice, wholeDevice } from './device.js';
import { evaluate, evaluator } from './evaluate.js';
import { Graph } from './graph.js';
import { matmul, reduceSum } from './operators/index.js';
import { measureDevice, requireDevice } from './probe.js';
import { hasSwiftShader, onSwiftShader } from './testing/swiftshader.js';

describe('the name of a device', () => {
  it.each([
    ['cpu', { kind: 'cpu', threads: 1, index: 0 }],
    ['cpu:4', { kind: 'cpu', threads: 4, index: 0 }],
    ['webgpu', { kind: 'webgpu', threads: 1, index: 0 }],
    ['cuda:1', { kind: 'cuda', threads: 1, index: 1 }],
  ])('%s', (text, device) => {
    expect(parseDevice(text)).toEqual(device);
    expect(parseDevice(deviceName(parseDevice(text)))).toEqual(device);
  });

  it.each(['gpu', 'cpu:0', 'cpu:x', 'cuda:-1', '', 'toString'])('%j is refused', (text) => {
    expect(() => parseDevice(text)).toThrow(/device ".*"/);
  });
});

it('a CPU that is all ours works with all its cores', () => {
  expect(wholeDevice().threads).toBe(availableParallelism());
  expect(wholeDevice('cpu').threads).toBe(availableParallelism());
  expect(wholeDevice('cpu:3').threads).toBe(3);
});

describe('a device that is not there', () => {
  it.runIf(devices.cuda.missing() !== undefined)(
    'is refused before any work, with what to install',
    async () => {
      await expect(requireDevice(parseDevice('cuda'))).rejects.toThrow(/cuda:0: .*CUDA/);
    },
  );
});

describe.runIf(hasSwiftShader)('WebGPU, in software', () => {
  onSwiftShader();

  it('computes what the CPU computes', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [3, 3]);
    const sum = reduceSum(matmul(x, x));
    const feeds = { x: { shape: [3, 3], data: Float32Array.from({ length: 9 }, (_, i) => i / 3) } };
    await requireDevice(parseDevice('webgpu'));
    const onGpu = await evaluator({ sum }, parseDevice('webgpu'));
    const [gpu, cpu] = [await onGpu.run(feeds), await evaluate({ sum }, feeds)];
    await onGpu.release();
    expect(gpu['sum']?.data[0]).toBeCloseTo(Number(cpu['sum']?.data[0]), 4);
  });
});

it('a measurement has two speeds', async () => {
  const { gflops, gigabytesPerSecond, size } = await measureDevice(parseDevice('cpu'), 0.2);
  expect(gflops).toBeGreaterThan(0);
  expect(gigabytesPerSecond).toBeGreaterThan(0);
  expect(size).toBeGreaterThanOrEqual(128);
});
