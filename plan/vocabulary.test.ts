import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../base/folders.js';
import { sweepJsonSchema } from '../spec/index.js';
import { vocabulary } from './vocabulary.js';

test('docs/sweep.schema.json, which editors read, is that of this vocabulary (npx temper schema > docs/sweep.schema.json)', () => {
  const kept: unknown = JSON.parse(readFileSync(join(packageRoot(), 'docs', 'sweep.schema.json'), 'utf8'));
  expect(kept).toEqual(JSON.parse(JSON.stringify(sweepJsonSchema(vocabulary))));
});
