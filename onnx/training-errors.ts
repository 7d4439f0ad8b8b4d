/** @file What can go wrong in a training step, in words that say what to do. */
import { EnvironmentError, messageOf, UserError } from '../base/errors.js';
import type { StepReport } from './reports.js';

/** A step's loss or gradient is no number. The state is that before the step. */
export class NonFiniteError extends UserError {
  override readonly name: string = 'NonFiniteError';
  constructor(
    readonly what: 'loss' | 'norm of the gradients',
    readonly value: number,
    /** 1-based number of the step. */
    readonly step: number,
    /** Steps of the same call that went well before it. */
    readonly before: readonly StepReport[] = [],
  ) {
    // No other attempt can succeed: the same bytes come out of it.
    super(
      `the ${what} is ${value} at step ${step}. ` +
        'Lower the learning rate, lengthen the warm-up, or bound the gradient (clip-norm).',
    );
  }
}

/** A run needs more memory than there is. */
export class OutOfMemoryError extends EnvironmentError {
  override readonly name: string = 'OutOfMemoryError';
}

/** @throws what a run of ONNX Runtime threw, or what it means: that there is not enough memory. */
export function explainRun(error: unknown, sizes: string | undefined): Error {
  const message = messageOf(error);
  if (!/failed to allocate|bad_alloc|out of memory|insufficient memory/i.test(message)) {
    return error instanceof Error ? error : new Error(message);
  }
  return new OutOfMemoryError(
    `not enough memory for a training step${sizes === undefined ? '' : ` on ${sizes}`} (${message}). ` +
      'Use a smaller batch, and accumulate gradients over several of them: the losses stay the same. ' +
      'Computing activations again instead of keeping them, and shorter sequences, help too.',
    { cause: error },
  );
}

/** A step's error that tells of the steps before it, too. */
export function withBefore(error: unknown, before: readonly StepReport[]): unknown {
  if (!(error instanceof NonFiniteError) || before.length === 0) return error;
  return new NonFiniteError(error.what, error.value, error.step, [...before, ...error.before]);
}
