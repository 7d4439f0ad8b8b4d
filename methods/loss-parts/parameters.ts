/** @file Reading a loss's parameters out of its choice: what is not there, or no number, is a mistake of ours. */
import type { LossChoice } from '../definition/method.js';

/** A loss's parameters, as its graph is built with them. */
export type LossParameters = Omit<LossChoice, 'name'>;

/** @throws RangeError where it is absent or no finite number */
export function numberIn(parameters: LossParameters, name: string): number {
  const value = parameters[name];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new RangeError(`a loss needs the number "${name}", and its choice says ${String(value)}`);
}
