/** @file What goes without saying is left out of keys. */
import { expect, test } from 'vitest';
import { vocabulary } from '../test/vocabulary.js';
import { withoutDefaults } from './defaults.js';
import { finetuneSchema, pretrainSchema } from './training.js';

test('leaves out what equals a default, lists compared by their values', () => {
  const parameters = pretrainSchema.parse({ steps: 900, betas: [0.9, 0.999], batch: 64 }) as never;
  expect(withoutDefaults(pretrainSchema, parameters)).toEqual({ steps: 900 });
});

test('keeps what has no default, whatever its value', () => {
  expect(withoutDefaults(finetuneSchema, { steps: 200, batch: 32 })).toEqual({ steps: 200 });
});

test('looks into mappings', () => {
  const classification = vocabulary.fileTasks['classification'];
  if (classification === undefined) throw new Error('the vocabulary has classification');
  const parameters = {
    file: 'x.csv',
    text: 't',
    label: 'l',
    splits: { A: 0.3, B: 0.4, validation: 0, test: 0.3 },
  };
  expect(withoutDefaults(classification, parameters)).toEqual({
    ...parameters,
    splits: { A: 0.3, B: 0.4, test: 0.3 },
  });
});
