/** @file The names of task queues: one for the orchestrator and one a device class, per store. */
import type { DeviceClass } from '../plan/stage.js';

/** The queue of workflows and cheap activities. A worker with another store never sees it. */
export function orchestratorQueue(storeId: string): string {
  return `temper-${storeId}`;
}

/** The queue of stages that need a compute worker. */
export function computeQueue(storeId: string, device: DeviceClass): string {
  return `temper-${storeId}-${device}`;
}
