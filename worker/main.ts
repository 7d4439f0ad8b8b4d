/** @file A worker process: the orchestrator (workflows and cheap activities) or a compute worker (one stage at a time). */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { join } from 'node:path';
import { createComputeActivities } from '../activities/compute.js';
import { createOrchestratorActivities } from '../activities/orchestrator.js';
import { messageOf } from '../base/errors.js';
import { workflowBundle } from '../base/folders.js';
import { Store } from '../store/store.js';
import { computeQueue, orchestratorQueue } from '../workflows/queues.js';
import { ExecutorProcess } from './executor-client.js';
import { dieWithParent } from './lifeline.js';
import { StateFile, type WorkerOptions } from './worker-options.js';

/** After a kill, another worker takes over a workflow in so long, and not in the usual ten seconds. */
const stickyQueueScheduleToStartTimeout = '2 seconds';
/** On shutdown cheap activities may finish for so long; then stages are asked to save a checkpoint and stop. */
const shutdownGraceTime = '200 milliseconds';
const shutdownForceTime = '4 seconds';

// A worker started by hand ends with its terminal; one that a supervisor started ends with the supervisor.
if (process.env['TEMPER_LIFELINE'] === '1') dieWithParent();
const options = JSON.parse(process.argv[2] ?? '') as WorkerOptions;
Runtime.install({
  logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
    const details = meta === undefined ? '' : ` ${JSON.stringify(meta)}`;
    process.stderr.write(`${new Date().toISOString()} ${options.label} ${level} ${message}${details}\n`);
  }),
  shutdownSignals: ['SIGINT', 'SIGTERM'],
});
const state = new StateFile(options);
try {
  await (options.role === 'orchestrator' ? orchestrate() : compute());
} catch (error) {
  process.stderr.write(`${new Date().toISOString()} ${options.label} ${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  state.remove();
}

async function orchestrate(): Promise<void> {
  const store = await Store.open(options.store, { create: true });
  const connection = await NativeConnection.connect({ address: options.address });
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: orchestratorQueue(store.id),
    workflowBundle: { codePath: workflowBundle() },
    activities: createOrchestratorActivities({
      store,
      fingerprints: join(options.folder, 'fingerprints.json'),
      worker: options.label,
    }),
    maxCachedWorkflows: 300,
    maxConcurrentActivityTaskExecutions: 8,
    stickyQueueScheduleToStartTimeout,
    shutdownGraceTime,
    shutdownForceTime,
  });
  await worker.run();
  await connection.close();
}

async function compute(): Promise<void> {
  const store = await Store.open(options.store, { create: true });
  const executor = new ExecutorProcess({
    store: options.store,
    label: options.label,
    threads: options.threads,
  });
  const connection = await NativeConnection.connect({ address: options.address });
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: computeQueue(store.id, options.device),
    activities: createComputeActivities({
      store,
      executor,
      onProgress: (stage, progress) => state.show(stage, progress),
    }),
    maxConcurrentActivityTaskExecutions: 1,
    // A cancellation arrives with the answer to a heartbeat.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime,
    shutdownForceTime,
  });
  try {
    await worker.run();
  } finally {
    await executor.close();
  }
  await connection.close();
}
