/** @file docs/operators.md is that of this operator table; `npx vitest run onnx/operators/page.test.ts -u` writes it. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../base/folders.js';
import { isComposite } from '../graph.js';
import { lowerings } from '../lowering.js';
import { providers } from '../providers.js';
import { operatorsPage } from '../testing/operators-page.js';
import { operators } from './index.js';

describe('docs/operators.md', () => {
  it('is that of this table', async () => {
    await expect(await operatorsPage()).toMatchFileSnapshot(join(packageRoot(), 'docs', 'operators.md'));
  });
});

describe('what is known of devices', () => {
  const types = new Set([...operators.values()].flatMap((entry) => (isComposite(entry) ? [] : [entry.type])));

  it.each(Object.entries(providers))('%s: is about operators of the table', (_kind, facts) => {
    const named = [...facts.onCpu, ...facts.sizes, ...facts.unknown, ...Object.keys(facts.notes)];
    expect(named.filter((type) => !types.has(type))).toEqual([]);
    expect(new Set(facts.onCpu).size).toBe(facts.onCpu.length);
  });

  it('what is put otherwise had no kernel, or one with a limit', () => {
    for (const [kind, entries] of Object.entries(lowerings)) {
      const { onCpu, notes } = providers[kind as keyof typeof providers];
      const reasons = [...onCpu, ...Object.keys(notes)];
      expect(Object.keys(entries).filter((name) => !reasons.includes(name))).toEqual([]);
    }
  });
});
