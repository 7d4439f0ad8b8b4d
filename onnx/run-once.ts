/** @file Running a model that will not be run again: nothing is kept warm, little optimized. */
import './no-telemetry.js';
import ort from 'onnxruntime-node';
import { fromOrt } from './session.js';
import type { HostTensor } from './tensor.js';

/** All outputs of a model without inputs, on one thread of the CPU. */
export async function runOnce(model: Uint8Array): Promise<Record<string, HostTensor>> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    // Not 'disabled': half precision then fails for its Casts, between which ONNX Runtime puts its own.
    graphOptimizationLevel: 'basic',
    intraOpNumThreads: 1,
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
  try {
    const results = await session.run({});
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor)]));
  } finally {
    await session.release();
  }
}
