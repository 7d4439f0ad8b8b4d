#!/usr/bin/env node
/** @file The command `temper`: makes ready what is missing or stale, then hands over to cli/. */
import { makeReady } from '../setup/ready.mjs';
import { Failure } from '../setup/say.mjs';

try {
  await makeReady();
} catch (error) {
  process.stderr.write(`${error instanceof Failure ? error.message : error.stack}\n`);
  process.exit(3);
}
await import('../dist/cli/main.js');
