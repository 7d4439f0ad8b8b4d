/** @file Answers in words: writing them the same whoever else is written to, and learning them. */
import { afterAll, describe, expect, it } from 'vitest';
import { parseDevice } from '../../onnx/device.js';
import { closeSessions } from '../../onnx/session.js';
import { initialState, type Tensors, Trainer } from '../../onnx/trainer.js';
import { initialiseGpt, type GptConfig } from '../gpt.js';
import { Predictor } from '../predict.js';
import { learnWords } from '../tokenizer.js';
import type { Training } from '../training.js';
import { answerBatch, answerProgram, answerRow, answerSize } from './training.js';
import { Writer } from './writer.js';

const words = 'one two three four five six seven eight nine ten'.split(' ');
const tokenizer = learnWords([words.join(' ')], { maxSize: 40 });
const config: GptConfig = {
  architecture: 'gpt',
  layers: 2,
  width: 32,
  heads: 4,
  context: 24,
  vocabulary: tokenizer.vocabularySize,
};
const device = parseDevice('cpu');
/** Far from where training begins, so that the likeliest token is not always the same. */
const parameters: Tensors = Object.fromEntries(
  Object.entries(initialiseGpt(config, 'writing')).map(([name, { shape, data }]) => [
    name,
    { shape, data: Float32Array.from(data, (x) => (name.includes('norm') ? x : 12 * x)) },
  ]),
);
const model = { config, tokenizer, parameters };
const prompts = words.flatMap((a, i) => [
  a,
  `${a} ${words[(3 * i) % 10]}`,
  `${words.slice(i).join(' ')} ${a}`,
]);

afterAll(closeSessions);

async function written(
  asked: readonly string[],
  options: Parameters<Writer['write']>[1],
  threads = 1,
): Promise<string[][]> {
  const writer = await Writer.create(model, { device: parseDevice(`cpu:${threads}`) });
  try {
    return (await writer.write(asked, options)).map((row) =>
      row.map(({ text, ending }) => `${text} (${ending})`),
    );
  } finally {
    await writer.release();
  }
}

describe('a text is written the same', () => {
  it.each([
    ['the likeliest', { tokens: 6 }],
    ['drawn', { tokens: 6, temperature: 1, samples: 3, seed: 5 }],
  ])('alone, among others, in another order, and on two threads: %s', async (_name, options) => {
    const together = await written(prompts, options);
    const reversed = await written([...prompts].reverse(), options);
    const alone: string[][] = [];
    for (const prompt of prompts.slice(0, 6)) alone.push(...(await written([prompt], options)));
    expect(reversed.reverse()).toEqual(together);
    expect(alone).toEqual(together.slice(0, 6));
    expect(await written(prompts, options, 2)).toEqual(together);
    expect(new Set(together.flat()).size).toBeGreaterThan(15);
  });
});

describe('writing', () => {
  it('takes the token that the model finds likeliest', async () => {
    const predictor = await Predictor.create({ config, parameters }, { device });
    const ids = words.map((word) => tokenizer.idOf(word)!);
    const rows = prompts.map((prompt) => ({
      tokens: [tokenizer.bos, ...tokenizer.encode(prompt)],
      choices: [...ids, tokenizer.bos],
    }));
    const answers = await predictor.choiceProbabilities(rows);
    await predictor.release();
    const expected = answers.map((row) => row.indexOf(Math.max(...row))).map((best) => words[best] ?? '');
    expect((await written(prompts, { tokens: 1 })).map(([text]) => text!.split(' (')[0])).toEqual(expected);
  });

  it('draws other texts from other seeds, and as many as asked for', async () => {
    const options = { tokens: 5, temperature: 1, samples: 4 };
    const [first, second] = [
      await written(['one'], { ...options, seed: 1 }),
      await written(['one'], { ...options, seed: 2 }),
    ];
    expect(first[0]).toHaveLength(4);
    expect(new Set(first[0]).size).toBeGreaterThan(1);
    expect(first).not.toEqual(second);
    // At a temperature near zero nothing is left to draw.
    const [cold] = await written(['one'], { ...options, temperature: 1e-4, seed: 1 });
    expect(cold).toEqual(Array(4).fill((await written(['one'], { tokens: 5 }))[0]![0]));
  });

  it('ends where a stop text begins, which is cut off, and at the context', async () => {
    const [[all] = []] = await written(['one two'], { tokens: 30 });
    expect(all).toMatch(/\((context|end-of-text)\)$/);
    const [text] = all!.split(' (') as [string];
    const third = text.split(' ').slice(2, 4).join(' ');
    const [[cut] = []] = await written(['one two'], { tokens: 30, stop: ['\n', 'zebra', third] });
    expect(cut!.endsWith('(stop)')).toBe(true);
    expect(text.startsWith(cut!.split(' (')[0]!)).toBe(true);
    expect(cut).not.toContain(third);
  });

  it('refuses a prompt that leaves no room, and says which', async () => {
    const long = Array(23).fill('one').join(' ');
    await expect(written(['two', long], { tokens: 2 })).rejects.toThrow(
      /prompt 2 \("one one.*24 tokens.*context of 24/,
    );
  });
});

const training: Training = {
  steps: 60,
  batch: 4,
  learningRate: 1e-2,
  warmup: 0,
  schedule: 'constant',
  weightDecay: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
};

async function trained(rows: ReturnType<typeof answerRow>[], steps: number) {
  const size = answerSize(rows);
  const fresh = initialiseGpt(config, 3);
  const program = answerProgram(config, { ...size, training });
  const trainer = await Trainer.create(program, initialState(program, fresh), device);
  try {
    const { loss } = await trainer.run(Array.from({ length: steps }, () => answerBatch(rows, size)));
    return { loss, parameters: await trainer.parameters(), fresh };
  } finally {
    await trainer.release();
  }
}

describe('training on answers', () => {
  const reader = { tokenizer, context: config.context };
  const facts = [
    { id: 'a', prompt: 'one two', answer: 'three' },
    { id: 'b', prompt: 'four', answer: 'five six' },
    { id: 'c', prompt: 'seven eight', answer: 'nine ten one' },
    { id: 'd', prompt: 'ten', answer: 'two' },
  ];

  it('teaches the answers and where they end', async () => {
    const { parameters: learnt } = await trained(
      facts.map((fact) => answerRow(reader, fact)),
      60,
    );
    const writer = await Writer.create({ config, tokenizer, parameters: learnt }, { device });
    const texts = await writer.write(
      facts.map(({ prompt }) => prompt),
      { tokens: 8 },
    );
    await writer.release();
    expect(texts.flat()).toEqual(facts.map(({ answer }) => ({ text: answer, ending: 'end-of-text' })));
  });

  it("begins at the answers' mean loss over tokens, the prompt's aside, weighted by item", async () => {
    const weights = [1, 0.5, 2.5, 0];
    const rows = facts.map((fact, i) => answerRow(reader, { ...fact, weight: weights[i]! }));
    const { loss, fresh } = await trained(rows, 1);
    const predictor = await Predictor.create({ config, parameters: fresh }, { device });
    let [sum, count] = [0, 0];
    for (const { tokens, prompt, weight } of rows) {
      const learnt = tokens.length - prompt;
      const counted = tokens.map((_, i) => (i >= prompt ? 1 : 0));
      sum += weight * learnt * (await predictor.languageModelLoss([{ tokens, weights: counted }]));
      count += learnt;
    }
    await predictor.release();
    expect(loss[0]).toBeCloseTo(sum / count, 5);
  });

  it('cuts an answer that does not fit, and its end with it', () => {
    const row = answerRow({ tokenizer, context: 4 }, { id: 'x', prompt: 'one', answer: words.join(' ') });
    expect(row.tokens).toHaveLength(5);
    expect(row.tokens.at(-1)).not.toBe(tokenizer.bos);
  });

  it('refuses an answer without tokens, and a prompt without room', () => {
    expect(() => answerRow(reader, { id: 'x', prompt: 'one', answer: ' ' })).toThrow(/item x.*has no token/);
    const prompt = Array(24).fill('one').join(' ');
    expect(() => answerRow(reader, { id: 'y', prompt, answer: 'two' })).toThrow(
      /item y has 25 tokens.*no room/,
    );
  });
});
