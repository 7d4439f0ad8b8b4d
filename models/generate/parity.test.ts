/** Greedy and sampled generation of exported models against transformers' generate (models/fixtures/huggingface). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../base/json.js';
import { parseDevice } from '../../onnx/device.js';
import {
  exported,
  recordedNumbers,
  type RecordedSampling,
  temporaryFixture,
  type Unpacked,
} from '../huggingface/testing/fixtures.js';
import { Decoder } from './decoder.js';
import { Generator } from './generator.js';
import { processorsFor } from './logits.js';
import { rightPadded } from './recomputed-decoding.js';
import { Sampler } from './sampling.js';
import { type GenerateOptions, settle } from './settings.js';

const device = parseDevice('cpu:1');

async function configOf({ folder }: Unpacked): Promise<JsonObject> {
  return JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
}

const languageModels = exported.flatMap(({ name, roads }) =>
  recordedNumbers(name).kind === 'language'
    ? roads.flatMap((road) => [false, true].map((asIs) => ({ name, road, asIs })))
    : [],
);

describe.each(languageModels)('$name by $road, as it is: $asIs', ({ name, road, asIs }) => {
  let fixture: Unpacked;
  let generator: Generator;
  const numbers = recordedNumbers(name);
  const generation = road === 'q4' ? numbers.q4!.generation : numbers.generation!;
  const { prompts, eos, maxNewTokens, tokens, free } = generation;

  beforeAll(async () => {
    fixture = await temporaryFixture(name, road);
    generator = await Generator.open({
      onnxPath: fixture.onnxPath,
      config: await configOf(fixture),
      device,
      asIs,
    });
  });
  afterAll(async () => {
    await generator?.release();
    await fixture.remove();
  });

  const idsOf = async (rows: number[][], options: GenerateOptions & { batchSize?: number }) =>
    (await generator.generate(rows, { maxNewTokens, ...options })).map(({ ids }) => ids);

  it('continues a batch of different lengths token for token as transformers does', async () => {
    expect(await idsOf(prompts, { eosIds: [] })).toEqual(free);
  });

  it('ends each row at its own end token, and the others go on', async () => {
    const generated = await generator.generate(prompts, { maxNewTokens, eosIds: [eos] });
    expect(generated.map(({ ids }) => ids)).toEqual(tokens);
    expect(generated.map(({ finish }) => finish)).toEqual(
      tokens.map((row) => (row.includes(eos) ? 'eos' : 'length')),
    );
  });

  it('does not depend on who shares a batch', async () => {
    expect(await idsOf(prompts, { eosIds: [eos], batchSize: 1 })).toEqual(tokens);
    expect(await idsOf(prompts, { eosIds: [eos], batchSize: 2 })).toEqual(tokens);
    const sampled = { doSample: true, temperature: 0.8, seed: 3, eosIds: [eos] };
    expect(await idsOf(prompts, { ...sampled, batchSize: 2 })).toEqual(await idsOf(prompts, sampled));
  });

  it('gives given continuations the probabilities that generating them gave', async () => {
    const generated = await generator.generate(prompts, {
      maxNewTokens: 6,
      eosIds: [],
      logProbabilities: true,
      repetitionPenalty: 1.3,
      doSample: true,
    });
    const continuations = generated.map(({ ids }, row) => ({ prompt: prompts[row]!, continuation: ids }));
    const scores = await generator.score(continuations, { batchSize: 3 });
    scores.forEach((row, i) =>
      row.forEach((score, t) => expect(score).toBeCloseTo(generated[i]!.logProbabilities![t]!, 3)),
    );
  });
});

describe.each(['gpt2', 'llama'])('%s, sampled', (name) => {
  let fixture: Unpacked;
  let decoder: Decoder;
  let config: JsonObject;
  const { prompts, cases } = recordedNumbers(name).sampling as RecordedSampling;

  beforeAll(async () => {
    fixture = await temporaryFixture(name, 'optimum');
    config = await configOf(fixture);
    decoder = await Decoder.open(fixture.onnxPath, config, device);
  });
  afterAll(async () => {
    await decoder.release();
    await fixture.remove();
  });

  /** transformers' names in ours. */
  const optionsOf = (options: Record<string, number>): GenerateOptions => ({
    doSample: true,
    temperature: options['temperature'],
    topK: options['top_k'] ?? 0,
    topP: options['top_p'],
    minP: options['min_p'],
    repetitionPenalty: options['repetition_penalty'],
  });

  it.each(cases)('draws from the distribution that transformers draws from: $options', async (recorded) => {
    const settings = settle(optionsOf(recorded.options), undefined, config);
    const sampler = new Sampler(settings, decoder.signature.vocabulary);
    for (const [i, prompt] of prompts.entries()) {
      const { data } = await decoder.forward(rightPadded([prompt], prompt.length), 'all');
      const logits = data.slice(-decoder.signature.vocabulary);
      for (const process of processorsFor(settings)) {
        process({ tokens: prompt, promptLength: prompt.length }, logits);
      }
      const found = sampler.distribution(logits);
      const expected = Object.entries(recorded.distributions[i]!);
      expect([...found.keys()].sort((a, b) => a - b)).toEqual(expected.map(([token]) => Number(token)));
      for (const [token, p] of expected) expect(found.get(Number(token))).toBeCloseTo(p, 4);
    }
  });

  it('matches it in thousands of rows (chi-squared)', async () => {
    const generator = await Generator.open({ onnxPath: fixture.onnxPath, config, device });
    const { options, distributions } = cases.at(-1)!;
    const draws = 4000;
    const generated = await generator.generate([prompts[0]!], {
      ...optionsOf(options),
      maxNewTokens: 1,
      eosIds: [],
      numReturn: draws,
      batchSize: 500,
      seed: 5,
    });
    await generator.release();
    const counts = new Map<number, number>();
    for (const { ids } of generated) counts.set(ids[0]!, (counts.get(ids[0]!) ?? 0) + 1);
    const expected = Object.entries(distributions[0]!);
    const chiSquared = expected.reduce((sum, [token, p]) => {
      const difference = (counts.get(Number(token)) ?? 0) - draws * p;
      return sum + difference ** 2 / (draws * p);
    }, 0);
    expect([...counts.keys()].every((token) => String(token) in distributions[0]!)).toBe(true);
    // Mean k − 1 and variance 2 (k − 1): beyond four deviations once in tens of thousands of seeds, and this one is fixed.
    const freedom = expected.length - 1;
    expect(chiSquared).toBeLessThan(freedom + 4 * Math.sqrt(2 * freedom));
  });
});
