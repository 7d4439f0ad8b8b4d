/** @file `temper schema`: the JSON Schema of sweep files, for editors. */
import type { Command } from 'commander';
import { vocabulary } from '../plan/vocabulary.js';
import { sweepJsonSchema } from '../spec/index.js';
import { printJson } from './output.js';

export function registerSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema of sweep files, for editors')
    .action(() => printJson(sweepJsonSchema(vocabulary)));
}
