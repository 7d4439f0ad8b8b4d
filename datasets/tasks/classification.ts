/** @file The task `classification`. */
export { classification as default } from '../classification.js';
