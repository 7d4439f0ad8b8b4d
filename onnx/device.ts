/** @file Devices by name (`cpu:2`, `webgpu`, `cuda:1`), what ONNX Runtime has to be told for each, and what each needs. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { UserError } from '../base/errors.js';

/** Where sessions run. */
export interface Device {
  readonly kind: DeviceKind;
  /** Threads within an operator, on a CPU. Their number changes speed only, never a bit of a result. */
  readonly threads: number;
  /** Which of several devices of a kind, from 0. */
  readonly index: number;
}

/** What a kind of device is like. One entry per kind; nothing else in Temper asks what kind a device is. */
export interface DeviceEntry {
  /** What stands behind the colon: `cpu:<threads>`, `cuda:<n>`. */
  readonly suffix: 'threads' | 'n';
  readonly options: (device: Device) => InferenceSession.SessionOptions;
  /**
   * How training steps are run. `scan`: K steps within one run, so that the state crosses into JavaScript once.
   * `resident`: step by step, the state staying on the device as ONNX Runtime's own tensors.
   */
  readonly training: 'scan' | 'resident';
  /** Element types that sums and products can be carried out in. */
  readonly computeTypes: readonly ('float32' | 'float16')[];
  /** What is missing on this machine and how to get it, as far as can be told without trying; undefined: try it. */
  readonly missing: () => string | undefined;
  /** What to do where ONNX Runtime itself refuses. */
  readonly remedy: string;
  /** How far it was tried: said wherever the device is shown. */
  readonly tried: string;
}

// Sequential on every device: parallel execution was slower wherever it was measured.
const common = { executionMode: 'sequential', interOpNumThreads: 1 } as const;

/**
 * On a CPU the memory arena stays on (without it training takes a third longer); memory patterns are off: they
 * change no speed and cost half as much memory again.
 */
export const devices = {
  cpu: {
    suffix: 'threads',
    options: ({ threads }) => ({
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      ...common,
      enableCpuMemArena: true,
      enableMemPattern: false,
    }),
    training: 'scan',
    computeTypes: ['float32'],
    missing: () => undefined,
    remedy: 'Install the packages again (npm ci): the CPU needs nothing else.',
    tried: 'every test runs on it',
  },
  webgpu: {
    suffix: 'n',
    options: () => ({ executionProviders: ['webgpu'], ...common, enableMemPattern: false }),
    training: 'resident',
    computeTypes: ['float32'],
    missing: () => undefined,
    remedy:
      'It needs a GPU with a Vulkan driver (Linux: libvulkan1 and the driver of your card; `vulkaninfo` shows what is ' +
      'found), Direct3D 12 (Windows) or Metal (macOS).',
    tried: 'tested on SwiftShader (a GPU in software), not yet on a real one',
  },
  cuda: {
    suffix: 'n',
    options: ({ index }) => ({
      executionProviders: [{ name: 'cuda', deviceId: index }],
      ...common,
      enableMemPattern: false,
    }),
    training: 'scan',
    computeTypes: ['float32'],
    missing: missingCudaLibraries,
    remedy:
      'It needs an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9 where the loader finds them (LD_LIBRARY_PATH).',
    tried: 'never run: no machine with an NVIDIA GPU was at hand',
  },
} as const satisfies Record<string, DeviceEntry>;

export type DeviceKind = keyof typeof devices;

export function deviceEntry({ kind }: Device): DeviceEntry {
  return devices[kind];
}

/** onnxruntime-node fetches these at installation, which Temper's own installation leaves out. */
function missingCudaLibraries(): string | undefined {
  const platform = `${process.platform}/${process.arch}`;
  if (platform === 'win32/x64') return undefined;
  if (platform !== 'linux/x64') return `onnxruntime-node has no CUDA on ${platform}.`;
  const require = createRequire(import.meta.url);
  const folder = join(
    dirname(require.resolve('onnxruntime-node/package.json')),
    'bin/napi-v6',
    process.platform,
    process.arch,
  );
  const library = 'libonnxruntime_providers_cuda.so';
  if (existsSync(join(folder, library))) return undefined;
  return (
    `onnxruntime-node's CUDA libraries are not installed (${library} and two more, about 400 MB). ` +
    'Get them with: node node_modules/onnxruntime-node/script/install --onnxruntime-node-install'
  );
}

/** Reads `cpu` (one thread), `cpu:<threads>`, `webgpu`, `cuda:<n>`. */
export function parseDevice(text: string): Device {
  const match = /^(\w+)(?::(\d+))?$/.exec(text);
  const kind = match?.[1];
  if (match === null || kind === undefined || !Object.hasOwn(devices, kind)) {
    const known = Object.entries(devices).map(([name, { suffix }]) => `${name}[:<${suffix}>]`);
    throw new UserError(`device "${text}" is not known: expected ${known.join(', ')}. See: temper devices`);
  }
  const number = match[2] === undefined ? undefined : Number(match[2]);
  if (devices[kind as DeviceKind].suffix === 'n') {
    return { kind: kind as DeviceKind, threads: 1, index: number ?? 0 };
  }
  if (number === 0) throw new UserError(`device "${text}": a CPU needs at least one thread`);
  return { kind: kind as DeviceKind, threads: number ?? 1, index: 0 };
}

/**
 * {@link parseDevice} for somebody who has the machine to himself: without a number a CPU works with all its cores.
 * No result depends on it.
 */
export function wholeDevice(text = 'cpu'): Device {
  const device = parseDevice(text);
  return text === 'cpu' ? { ...device, threads: availableParallelism() } : device;
}

/** `cpu:2`, as {@link parseDevice} reads it. */
export function deviceName({ kind, threads, index }: Device): string {
  return `${kind}:${devices[kind].suffix === 'n' ? index : threads}`;
}

/** What ONNX Runtime needs to be told to run on a device. */
export function sessionOptions(device: Device): InferenceSession.SessionOptions {
  return devices[device.kind].options(device);
}
