/** @file The sweeps that come with Temper say what the sweep language understands, in full and in small. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';
import { parseSweep } from '../spec/index.js';
import { vocabulary } from './vocabulary.js';

const folder = join(packageRoot(), 'sweeps');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

describe.each(files)('sweeps/%s', (file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  const read = (sets: string[]) => parseSweep(text, { source: file, vocabulary, folder, sets });

  it('is read without a mistake, and has the name of its file', () => {
    expect(read([]).name).toBe(file.replace('.yaml', ''));
  });

  it.runIf(/^scales:/m.test(text))('has a small scale, whose results stand beside those of the whole', () => {
    expect(read(['scale=small']).name).toBe(file.replace('.yaml', '-small'));
  });
});
