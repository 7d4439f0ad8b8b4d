/** @file The task `preference`. */
export { preference as default } from '../preference.js';
