/** @file The task `question-answer`. */
export { questionAnswer as default } from '../question-answer.js';
