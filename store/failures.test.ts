import { afterAll, expect, it } from 'vitest';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { refTo, temporaryFolder } from '../test/store.js';
import { clearFailure, failureOf, recordFailure } from './failures.js';

const { path: root, remove } = temporaryFolder();
afterAll(remove);

it('the last failure of a stage is kept until the stage is published', async () => {
  const stage = refTo('finetune', 'finetune');
  expect(await failureOf(root, stage)).toBeUndefined();
  await clearFailure(root, stage);
  await recordFailure(root, stage, 'out of memory');
  await recordFailure(root, stage, 'loss is NaN at step 40');
  expect(await failureOf(root, stage)).toBe('loss is NaN at step 40');
  expect(await failureOf(root, refTo('another', 'finetune'))).toBeUndefined();
  expect(readdirSync(join(root, 'failures', 'finetune'))).toEqual([`${stage.key}.txt`]);
  await clearFailure(root, stage);
  expect(await failureOf(root, stage)).toBeUndefined();
});
