/**
 * @file Classification against transformers.js on the same ONNX file: a random BERT of six layers, on rows of one length
 * and on rows as long as texts are. Needs a Python with torch and transformers, to export it: TEMPER_TEST_PYTHON.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { Random } from '../base/random.js';
import { entryPoint, packageRoot } from '../base/folders.js';
import { duel, quartilesText, ratio } from './duel.js';
import { pythonOf } from './train.js';

const vocabulary = 30522;

/** Numbers of tokens: of one length, or spread as those of short texts are (median 40, one in twenty beyond 140). */
const cases = [
  { name: '64 rows of 128 tokens', goal: 1.0, lengths: () => Array.from({ length: 64 }, () => 128) },
  {
    name: '192 rows of 8 to 256 tokens',
    goal: 1.5,
    lengths: () => {
      const random = Random.of(1, 'lengths');
      const draw = () => Math.round(40 * Math.exp(0.75 * random.normal()));
      return Array.from({ length: 192 }, () => Math.min(256, Math.max(8, draw())));
    },
  },
];

export async function benchClassification({ rounds = 7 } = {}): Promise<void> {
  const python = pythonOf();
  const folder = await mkdtemp(join(tmpdir(), 'temper-bench-'));
  try {
    const model = join(folder, 'bert');
    await promisify(execFile)(python, [
      join(packageRoot(), 'bench/peers/train.py'),
      ...['export', '--folder', model, '--layers', '6'],
    ]);
    const table = new Table({
      head: ['', 'rows/s', 'of transformers.js', 'goal', 'memory', 'transformers.js’s'],
      style: { head: [], border: [] },
    });
    for (const { name, goal, lengths } of cases) {
      const random = Random.of(2, 'tokens');
      const rows = lengths().map((length) => Array.from({ length }, () => random.integer(vocabulary)));
      const [list, lines] = [join(folder, 'rows.json'), join(folder, 'rows.jsonl')];
      await writeFile(list, JSON.stringify(rows));
      await writeFile(lines, rows.map((ids) => `${JSON.stringify({ input_ids: ids })}\n`).join(''));
      const peer = join(packageRoot(), 'bench/peers/classification.mjs');
      const [temper, transformers] = await duel(
        [
          {
            name: 'Temper',
            command: [process.execPath, entryPoint('bench/classification-contestant'), model, lines],
          },
          {
            name: 'transformers.js',
            command: [process.execPath, peer, '@huggingface/transformers', model, list],
          },
        ],
        rounds,
      );
      table.push([
        name,
        [...temper!.rates].sort((a, b) => a - b)[Math.floor(rounds / 2)]!.toFixed(1),
        quartilesText(ratio(temper!.rates, transformers!.rates)),
        goal.toFixed(1),
        `${(temper!.peakBytes / 1e6).toFixed(0)} MB`,
        `${(transformers!.peakBytes / 1e6).toFixed(0)} MB`,
      ]);
    }
    console.log('Classification on 2 threads, batches of 32:');
    console.log(table.toString());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
