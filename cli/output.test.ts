/** @file What a command prints arrives whole, however slowly it is read. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

it('more than a pipe takes at once reaches a reader that begins late', async () => {
  const main = join(packageRoot(), 'dist/cli/main.js');
  const child = spawn(process.execPath, [main, 'schema'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await setTimeout(300);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  expect(text.length).toBeGreaterThan(2 ** 16);
  expect(JSON.parse(text)).toMatchObject({ title: 'Temper sweep' });
});
