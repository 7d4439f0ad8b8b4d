/** @file "Did you mean …?" finds slips, other spellings and other tools' words, and does not guess wildly. */
import { expect, test } from 'vitest';
import { nearest } from './suggest.js';

const names = ['learning-rate', 'warmup', 'weight-decay', 'steps', 'batch', 'schedule'];

test.each([
  ['learnig-rate', 'learning-rate'],
  ['learning_rate', 'learning-rate'],
  ['learningRate', 'learning-rate'],
  ['lr', 'learning-rate'],
  ['wd', 'weight-decay'],
  ['batch-size', 'batch'],
  ['setps', 'steps'],
  ['sched', 'schedule'],
  ['warm', 'warmup'],
])('%s → %s', (word, expected) => {
  expect(nearest(word, names)).toBe(expected);
});

test.each(['x', 'optimizer', 'dropout', ''])('%j is near nothing', (word) => {
  expect(nearest(word, names)).toBeUndefined();
});
