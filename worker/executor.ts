/** @file The executor process: ONNX Runtime lives here, one stage at a time, warm between stages. */
import { JobStopped, InputDamaged, type Job } from '../activities/executor.js';
import { Stopped } from '../activities/context.js';
import { loadPlan } from '../activities/plans.js';
import { runStage } from '../activities/run-stage.js';
import { messageOf, UserError } from '../base/errors.js';
import { Store } from '../store/store.js';
import type { ExecutorOptions, FromExecutor, ToExecutor } from './executor-protocol.js';
import { dieWithParent } from './lifeline.js';

/** Progress is told at most so often. */
const progressMilliseconds = 250;

dieWithParent();
const options = JSON.parse(process.argv[2] ?? '') as ExecutorOptions;
const store = await Store.open(options.store);
let stopping = false;

process.on('message', (message: ToExecutor) => {
  if (message.type === 'stop') stopping = true;
  else void run(message.job).then(tell);
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
tell({ type: 'ready' });

function tell(message: FromExecutor): void {
  process.send?.(message);
}

async function run(job: Job): Promise<FromExecutor> {
  stopping = false;
  let told = 0;
  try {
    const plan = await loadPlan(store, job.plan);
    const summary = await runStage({
      store,
      plan,
      stage: plan.stage(job.key),
      attempt: job.attempt,
      token: job.token,
      threads: options.threads,
      worker: `${options.label} (pid ${process.pid})`,
      workflow: job.workflow,
      run: job.run,
      onProgress: (progress, checkpoint) => {
        const now = Date.now();
        if (now - told < progressMilliseconds && progress.step < progress.of) return;
        told = now;
        tell({
          type: 'progress',
          progress: checkpoint === undefined ? progress : { ...progress, checkpoint },
        });
      },
      shouldStop: () => stopping,
    });
    return { type: 'done', summary };
  } catch (error) {
    if (error instanceof Stopped || error instanceof JobStopped) return { type: 'stopped' };
    if (error instanceof InputDamaged) return { type: 'input-damaged', message: error.message };
    const name = error instanceof Error ? error.name : 'Error';
    return { type: 'failed', name, message: messageOf(error), final: error instanceof UserError };
  }
}
