/** @file Devices by name (`cpu`, `cpu:2`), and what ONNX Runtime has to be told for each. */
import type { InferenceSession } from 'onnxruntime-node';
import { UserError } from '../base/errors.js';

/** Where sessions run. The number of threads changes speed only, never a bit of a result. */
export interface Device {
  readonly kind: DeviceKind;
  /** Threads within an operator. */
  readonly threads: number;
}

interface DeviceEntry {
  options(device: Device): InferenceSession.SessionOptions;
}

/**
 * One entry per kind of device. The memory arena stays on (without it training takes a third longer);
 * memory patterns are off: they change no speed and cost half as much memory again.
 */
const devices = {
  cpu: {
    options: ({ threads }) => ({
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableCpuMemArena: true,
      enableMemPattern: false,
    }),
  },
} satisfies Record<string, DeviceEntry>;

export type DeviceKind = keyof typeof devices;

/** Reads `cpu` or `cpu:<threads>`. */
export function parseDevice(text: string): Device {
  const match = /^(\w+)(?::([1-9]\d*))?$/.exec(text);
  const kind = match?.[1];
  if (match === null || kind === undefined || !(kind in devices)) {
    const known = Object.keys(devices).join(', ');
    throw new UserError(
      `device "${text}" is not known: expected one of ${known}, with ":<threads>" if you like (cpu:2)`,
    );
  }
  return { kind: kind as DeviceKind, threads: Number(match[2] ?? 1) };
}

/** What ONNX Runtime needs to be told to run on a device. */
export function sessionOptions(device: Device): InferenceSession.SessionOptions {
  return devices[device.kind].options(device);
}
