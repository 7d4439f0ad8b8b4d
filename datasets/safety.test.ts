import { describe, expect, test } from 'vitest';
import { realData } from '../test/real-data.js';
import { classification } from './classification.js';
import { readRows } from './rows.js';
import { splits } from './task.js';

const file = realData('safety/safety.csv');

// Prompts with line breaks in quotes, exact duplicates, and duplicates with other labels.
describe.skipIf(file === undefined)('the safety prompts of 2410.12621', () => {
  const parameters = () => classification.parameters.parse({ file, text: 'prompt', label: 'is_safe' });

  test('are counted right', async () => {
    const { report } = await classification.examples(parameters(), 0);
    expect(report.counts).toEqual({
      rows: 11_468,
      'rows with line breaks in the text': 838,
      'empty texts': 1,
      'unique texts': 10_891,
      'duplicate rows': 343,
      'texts in conflict': 181,
      'rows in conflict': 415,
      'kept texts': 10_709,
      'class False': 6224,
      'class True': 4485,
      'left out by balance': 0,
      'left out by limit': 0,
      A: 3213,
      B: 4283,
      validation: 1071,
      test: 2142,
      'in no split': 0,
    });
  });

  test('stand in one split each, with the only label that they have in the file', async () => {
    const labels = new Map<string, Set<unknown>>();
    for await (const { values } of readRows(file!, 'csv', ['prompt', 'is_safe'])) {
      const text = String(values['prompt']).trim();
      labels.set(text, (labels.get(text) ?? new Set()).add(values['is_safe']));
    }
    for (const seed of [0, 1, 2]) {
      const { items, truth } = await classification.examples(parameters(), seed);
      const placed = splits.flatMap((split) =>
        items[split].map(({ text, choices }, i) => ({ text, label: choices[truth[split][i]!.label] })),
      );
      expect(placed).toHaveLength(10_709);
      expect(new Set(placed.map(({ text }) => text)).size).toBe(10_709);
      const wrong = placed.filter(
        ({ text, label }) => labels.get(text)?.size !== 1 || !labels.get(text)?.has(label),
      );
      expect(wrong).toEqual([]);
    }
  });

  test('give a corpus without a text of validation or test', async () => {
    const { items } = await classification.examples(parameters(), 0);
    const hidden = new Set([...items.validation, ...items.test].map(({ text }) => text));
    const corpus = await classification.corpus(parameters(), 0);
    expect(corpus).toHaveLength(3213 + 4283);
    expect(corpus.filter((text) => hidden.has(text))).toEqual([]);
  });
});
