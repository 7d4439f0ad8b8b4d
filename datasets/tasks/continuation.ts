/** @file The task `continuation`. */
export { continuation as default } from '../continuation.js';
