/** @file docs/methods.md is that of the registry; `npx vitest run methods/documentation/page.test.ts -u` writes it. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../base/folders.js';
import { defineMethod } from '../definition/method.js';
import { controls, methods } from '../definition/registry.js';
import { methodsPage } from '../testing/methods-page.js';
import { describeMethod } from './description.js';

const all = [...Object.values(methods), ...Object.values(controls)];

describe('docs/methods.md', () => {
  it('is that of the methods and controls there are', async () => {
    await expect(await methodsPage()).toMatchFileSnapshot(join(packageRoot(), 'docs', 'methods.md'));
  });
});

describe.each(all.map((entry) => [entry.name, describeMethod(entry)] as const))('%s', (_name, described) => {
  it('says where it comes from and what each of its parameters means', () => {
    expect(described.source.length).toBeGreaterThan(10);
    expect(described.parameters.filter(({ meaning }) => meaning === '')).toEqual([]);
  });

  it('measures its student in the end', () => {
    expect(described.stages.at(-1)).toMatch(/ measured on the test split\.$/);
  });
});

describe('a description', () => {
  const choosy = defineMethod({
    name: 'choosy',
    summary: 'One that works on some tasks only.',
    source: 'this test',
    answers: ['classes', 'text', 'number'],
    refuses: ({ answer, hasParaphrases, hasOracle }, { by }) => {
      if (by === 'words' && !hasParaphrases) return 'no other words';
      if (by === 'oracle' && !hasOracle) return 'no oracle';
      if (by === 'mean' && answer === 'text') return 'no mean';
      return answer === 'number' ? 'no numbers' : undefined;
    },
    parameters: z.object({
      through: z.array(z.string()).min(1).describe('models'),
      by: z.enum(['words', 'mean', 'oracle']).default('words').describe('how'),
      share: z.number().min(0).max(1).optional().describe('how much'),
    }),
    evaluation: (cell, { through }) => {
      const link = cell.student({
        from: cell.model(through[0]!),
        labels: cell.weakLabels(),
        form: 'soft',
        loss: { name: 'kl' },
      });
      return cell.evaluate(
        cell.student({ labels: cell.labels(link), form: 'hard', loss: { name: 'cross-entropy' }, items: 7 }),
      );
    },
  });

  it('is found by asking the method itself', () => {
    const described = describeMethod(choosy);
    expect(described.family).toBe('chains');
    expect(described.answers).toEqual(['classes', 'text']);
    expect(described.asItIs).toEqual([]);
    expect(describeMethod(methods['ensemble']!).asItIs).not.toContain('number');
    expect(described.needs).toEqual([
      'other models of the sweep, named by `through`',
      'with its defaults, a task that can put its items in other words (paraphrases)',
      'another choice than `by: mean` on tasks answered by text',
      'with `by: oracle`, a task that knows the best answers (an oracle)',
    ]);
    expect(described.stages).toEqual([
      "The weak supervisor's labels of B.",
      'The model `medium` trained on (1) (soft, loss `kl`).',
      'Labels of B by (2).',
      'The strong model trained on the first 7 of (3) (hard, loss `cross-entropy`).',
      '(4), measured on the test split.',
    ]);
    expect(described.parameters).toEqual([
      { name: 'through', required: true, values: 'a list of 1 or more, each a text', meaning: 'models' },
      { name: 'by', required: false, default: 'words', values: 'one of words, mean, oracle', meaning: 'how' },
      { name: 'share', required: false, values: 'a number from 0 to 1', meaning: 'how much' },
    ]);
  });
});
