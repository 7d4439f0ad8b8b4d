/** @file How activities are retried: one profile for cheap reads and writes, one for computation. */
import { ActivityCancellationType, proxyActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.js';
import type { OrchestratorActivities } from '../activities/orchestrator.js';
import type { DeviceClass, StageKind } from '../plan/stage.js';
import { computeQueue } from './queues.js';

/** Failures that another attempt cannot cure. */
export const finalFailures = ['UserError', 'LeaseHeld'];

/** A full disk is waited for by the workflow, which can say so, and not by quick attempts. */
export const diskFull = 'StoreFull';

/** Reads and writes of the store: seconds, retried through any outage of the disk or the network. */
export const io: ActivityInterfaceFor<OrchestratorActivities> = proxyActivities<OrchestratorActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: {
    initialInterval: '1 second',
    maximumInterval: '30 seconds',
    maximumAttempts: 50,
    nonRetryableErrorTypes: finalFailures,
  },
});

/** A stage kind as an activity on the queue of a device class; the UI shows `title` beside its type. */
export function compute(options: {
  queue: string;
  device: DeviceClass;
  kind: StageKind;
  title: string;
  attempts: number;
}): ComputeActivities[keyof ComputeActivities] {
  const activities = proxyActivities<ComputeActivities>({
    taskQueue: computeQueue(options.queue, options.device),
    // What ends a stage that hangs is its heartbeat; no stage is too long to be waited for.
    startToCloseTimeout: '30 days',
    heartbeatTimeout: '10 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: options.title,
    retry: {
      initialInterval: '1 second',
      maximumInterval: '1 minute',
      maximumAttempts: options.attempts,
      nonRetryableErrorTypes: [...finalFailures, diskFull],
    },
  });
  return activities[options.kind as keyof ComputeActivities];
}
