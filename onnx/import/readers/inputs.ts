/** @file What readers take from a node: inputs that have to be there, numbers that have to be known. */
import type { Value } from '../../graph.js';
import { ShapeError, staticShape } from '../../shape.js';
import type { NodeCall } from '../reader.js';

/** Input `index`, which has to be there. */
export function input({ inputs }: NodeCall, index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new ShapeError(`input ${index} is missing`);
  return value;
}

/** The elements of a constant. */
export function numbersOf(value: Value): number[] {
  if (value.data === undefined) {
    throw new ShapeError(
      `"${value.name}" says how large something is and depends on what is fed: sizes have to follow from the batch and the length alone`,
    );
  }
  return Array.from(value.data, Number);
}

/**
 * Numbers that were an attribute in older versions of the operator and are an input since; undefined: neither is given.
 */
export function numbersFrom(call: NodeCall, index: number, attribute: string): number[] | undefined {
  const value = call.inputs[index];
  if (value !== undefined) return numbersOf(value);
  const numbers = call.attributes.ints(attribute);
  return numbers && [...numbers];
}

/** The shape of a value as numbers. */
export function sizesOf(value: Value): number[] {
  return staticShape(value.shape, 'reading a file');
}

/** Whether a value holds no element at all. */
export function isEmpty(value: Value): boolean {
  return value.shape.includes(0);
}
