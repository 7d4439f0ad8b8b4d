/** @file Every workflow that a worker registers: the function's name is the workflow's type. */
export { batch } from './batch.js';
export { sweep } from './sweep.js';
export { trial } from './trial.js';
