/** @file How the processor is shared: compute workers and the threads of each. */
import { availableParallelism } from 'node:os';

/** One compute worker: it runs one stage at a time with so many threads. */
export interface DeviceSlot {
  /** "cpu:0" */
  readonly label: string;
  readonly device: 'cpu';
  readonly threads: number;
}

/**
 * Slots for a machine of `cores`. Fine-tunings are many and small, and two of them on a thread each run faster than
 * one after the other on two; large machines get several threads a slot, since memory is used per slot.
 */
export function cpuSlots(cores: number = availableParallelism()): DeviceSlot[] {
  const slots = cores <= 2 ? cores : Math.round(Math.sqrt(cores));
  const threads = Math.max(1, Math.floor(cores / slots));
  return Array.from({ length: slots }, (_, index) => ({ label: `cpu:${index}`, device: 'cpu', threads }));
}
