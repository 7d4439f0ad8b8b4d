/** @file A training's state: what the next step depends on, the data aside. */
import { type ParameterSpec, trainedOf } from './definition.js';
import { type HostTensor, sizeOf } from './tensor.js';

export type Tensors = Readonly<Record<string, HostTensor<Float32Array>>>;

/** Everything that the next step depends on, the data aside. */
export interface TrainingState {
  /** Steps taken. */
  readonly step: number;
  /** Trained parameters, and frozen ones that are fed. */
  readonly parameters: Tensors;
  /** Slot of the optimizer (`first`, `second`, `momentum`) → trained parameter → tensor. */
  readonly slots: Readonly<Record<string, Tensors>>;
}

/** The state before the first step. */
export function initialState(
  { parameters: specs, slots }: { parameters: readonly ParameterSpec[]; slots: readonly string[] },
  parameters: Tensors,
): TrainingState {
  const zeros = () =>
    Object.fromEntries(
      trainedOf(specs).map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]),
    );
  return { step: 0, parameters, slots: Object.fromEntries(slots.map((slot) => [slot, zeros()])) };
}
