/** @file Running a graph once: for tests, and for whoever wants a few numbers out of one. */
import { parseDevice } from './device.js';
import { encodeGraph, encodeModel, type NamedValues } from './encode.js';
import type { Value } from './graph.js';
import { fromOrt, openSession, toOrt } from './session.js';
import type { HostTensor } from './tensor.js';

/** A graph made ready to run: feeds by input name, results by output name. */
export interface Evaluator {
  readonly run: (feeds: Readonly<Record<string, HostTensor>>) => Promise<Record<string, HostTensor>>;
  readonly release: () => Promise<void>;
}

/** Makes the part of a graph that computes `outputs` ready to run. */
export async function evaluator(outputs: NamedValues, device = parseDevice('cpu')): Promise<Evaluator> {
  const { graph } = Object.values(outputs)[0] as Value;
  const lease = await openSession(encodeModel(encodeGraph('evaluation', graph.inputs, outputs)), device);
  return {
    async run(feeds) {
      const results = await lease.session.run(
        Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, toOrt(t)])),
      );
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor)]));
    },
    release: lease.release,
  };
}

/** Runs a graph once. */
export async function evaluate(
  outputs: NamedValues,
  feeds: Readonly<Record<string, HostTensor>> = {},
): Promise<Record<string, HostTensor>> {
  const ready = await evaluator(outputs);
  try {
    return await ready.run(feeds);
  } finally {
    await ready.release();
  }
}
