/** @file Tensors of a device, brought to the host. */
import type ort from 'onnxruntime-node';
import type { Device } from './device.js';
import { encodeGraph, encodeModel } from './encode.js';
import { Graph } from './graph.js';
import { isOnDevice, type OrtTensors } from './ort-tensors.js';
import { openSession } from './session.js';

/**
 * float32 tensors as host memory; those that are there already are not copied. What is on a device comes back through a
 * session whose outputs do not stay there: asking the tensor itself for its data ends the process.
 */
export async function onHost(tensors: OrtTensors, device: Device): Promise<OrtTensors> {
  if (!Object.values(tensors).some(isOnDevice)) return tensors;
  const graph = new Graph();
  const names = Object.keys(tensors);
  const inputs = names.map((name) => graph.input(name, 'float32', (tensors[name] as ort.Tensor).dims));
  const outputs = Object.fromEntries(inputs.map((input) => [`host:${input.name}`, input]));
  const lease = await openSession(encodeModel(encodeGraph('download', inputs, outputs)), device);
  try {
    const results = await lease.session.run(tensors);
    return Object.fromEntries(names.map((name) => [name, results[`host:${name}`] as ort.Tensor]));
  } finally {
    await lease.release();
  }
}
