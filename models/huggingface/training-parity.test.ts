/**
 * @file Twenty steps of AdamW on exported models are those of PyTorch, and with adapters those of PEFT, whichever road
 * the models came by; the numbers are in models/fixtures/huggingface, beside the script that made them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.js';
import { closeSessions } from '../../onnx/session.js';
import { readAdapter } from '../export/adapter.js';
import { targetsOf } from '../lora.js';
import { importNetwork } from './network.js';
import {
  adapterFolder,
  exported,
  type RecordedBatch,
  recordedNumbers,
  type RecordedRun,
  recordedTraining,
  temporaryFixture,
} from './testing/fixtures.js';
import { microRows, trained, withTuner } from './testing/trainings.js';

afterAll(closeSessions);

const { batches } = recordedTraining;

/** What is folded away in a file cannot be trained: see parity.test.ts. */
const trainable = exported.flatMap(({ name, roads }) =>
  roads
    .filter((road) => !(name === 'deberta' && road === 'slim'))
    .map((road) => ({ name, road, numbers: recordedNumbers(name) })),
);
// Four-bit weights are frozen; those of 16 bits are trained in 32, and were made from the same numbers.
const full = trainable.filter(({ road }) => road !== 'q4' && road !== 'fp16');
// Every road goes through all parameters; what is left to see of adapters does not depend on it.
const firstRoads = full.filter(({ name, road }) => road === (name === 'gpt2' ? 'dynamo' : 'optimum'));

describe('all parameters', () => {
  for (const { name, road, numbers } of full)
    it(`${name} by ${road}`, () => trained({ name, road, steps: 20 }, numbers.full));
});

describe("PEFT's default adapters", () => {
  const others = trainable.filter(({ road }) => road === 'genai' || road === 'q4' || road === 'fp16');
  for (const { name, road, numbers } of [...firstRoads, ...others])
    it(`${name} by ${road}`, () =>
      trained(
        { name, road, steps: 20, adapter: 'lora' },
        road === 'q4' ? (numbers.q4 as { lora: RecordedRun }).lora : numbers.lora,
      ));
});

describe('rank-stabilised adapters on all linear layers', () => {
  for (const { name, road, numbers } of firstRoads)
    it(`${name} by ${road}`, () =>
      trained({ name, road, steps: 20, adapter: 'all-linear' }, numbers['all-linear']));
});

describe('a new head on the last token', () => {
  for (const { name, road, numbers } of full) {
    const { score } = numbers;
    if (score !== undefined)
      it(`${name} by ${road}`, () => trained({ name, road, steps: 20, score: true }, score));
  }
});

describe('all-linear', () => {
  // peft itself fails on DistilBERT.
  for (const { name, road } of firstRoads.filter((one) => one.name !== 'distilbert'))
    it(`names the layers that it names in peft: ${name}`, async () => {
      const fixture = await temporaryFixture(name, road);
      try {
        const config = JSON.parse(readFileSync(join(fixture.folder, 'config.json'), 'utf8')) as JsonObject;
        const network = await importNetwork({ onnxPath: fixture.onnxPath, config });
        const own = targetsOf(network.linears, { targets: 'all-linear' });
        const { modules } = await readAdapter(adapterFolder(name, 'all-linear'));
        const named = (all: readonly { name: string }[]) => all.map((one) => one.name).sort();
        // MiniLM's pooler, whose output nobody asked for, is not in the file.
        const inFile = named(modules).filter((one) => name !== 'minilm' || one !== 'pooler.dense');
        expect(named(own)).toEqual(inFile);
      } finally {
        await fixture.remove();
      }
    });
});

describe('steps of four batches with unequal numbers of tokens', () => {
  for (const { name, road, numbers } of firstRoads)
    it(`${name} by ${road}`, () => trained({ name, road, steps: 5, parts: 4 }, numbers.accumulation));
});

describe('labels of first tokens, which padding on the left predicts without seeing anything', () => {
  for (const { name, road, numbers } of full.filter(({ road }) => road === 'optimum' || road === 'slim')) {
    const { unseen } = numbers;
    if (unseen === undefined) continue;
    it(`${name} by ${road}`, () =>
      withTuner({ name, road, steps: 1 }, async (tuner) => {
        const batch = { ...(batches[1] as RecordedBatch), labels: unseen.labels };
        const report = await tuner.take([microRows({ name, road, steps: 1 }, batch)]);
        expect(Math.abs(report.loss / unseen.loss - 1), 'loss').toBeLessThan(1e-4);
        expect(Math.abs(report.gradientNorm / unseen.gradientNorm - 1), 'gradient norm').toBeLessThan(1e-4);
      }));
  }
});
