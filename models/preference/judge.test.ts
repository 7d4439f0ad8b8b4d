/** @file What a model says of candidates: against the language model's own loss, and whatever they are run with. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { parseDevice } from '../../onnx/device.js';
import { closeSessions } from '../../onnx/session.js';
import { initialiseGpt, type GptConfig } from '../gpt.js';
import { withHead } from '../heads.js';
import { Predictor } from '../predict.js';
import { Judge, preferences } from './judge.js';
import { rewardHead } from './network.js';
import type { Candidate, Pair } from './pair.js';

const config: GptConfig = {
  architecture: 'gpt',
  layers: 2,
  width: 16,
  heads: 2,
  context: 24,
  vocabulary: 40,
};
// Ten times GPT-2's deviation: a fresh model would find every token about as likely.
const language = Object.fromEntries(
  Object.entries(initialiseGpt(config, 5)).map(([name, { shape, data }]) => [
    name,
    { shape, data: name.includes('norm') ? data : data.map((value) => 10 * value) },
  ]),
);
const rewarding = withHead(config, rewardHead, language);
const classifier = rewarding['classifier.weight']!;
const reward = {
  ...rewarding,
  'classifier.weight': { ...classifier, data: classifier.data.map((_, i) => Math.sin(i)) },
};

/** Candidates of many lengths, from a response of one token to a full context. */
const random = Random.of(1, 'candidates');
const candidates: Candidate[] = Array.from({ length: 90 }, (_, index) => {
  const start = 1 + (index % 7);
  const length = Math.min(24, start + 1 + (index % 19));
  return { tokens: Array.from({ length }, () => 1 + random.integer(39)), start };
});
const device = (threads = 1) => ({ device: parseDevice(`cpu:${threads}`) });

afterAll(closeSessions);

describe('a language model', () => {
  it('finds a response as likely as its language model loss over the tokens of the response alone says', async () => {
    const judge = new Judge({ config, parameters: language }, device());
    const predictor = await Predictor.create({ config, parameters: language }, device());
    try {
      const found = await judge.likelihoods(candidates);
      for (const [index, { tokens, start }] of candidates.entries()) {
        const weights = tokens.map((_, place) => (place >= start ? 1 : 0));
        const loss = await predictor.languageModelLoss([{ tokens, weights }]);
        expect(found[index]!.length).toBe(tokens.length - start);
        expect(-found[index]!.logProbability / found[index]!.length).toBeCloseTo(loss, 5);
      }
    } finally {
      await judge.release();
      await predictor.release();
    }
  });

  it('says the same to the last bit, whatever a candidate is run with and on however many threads', async () => {
    const together = new Judge({ config, parameters: language }, device(2));
    const alone = new Judge({ config, parameters: language }, device());
    try {
      const all = await together.likelihoods(candidates.slice(0, 40));
      for (const index of [0, 17, 39])
        expect(await alone.likelihoods([candidates[index]!])).toEqual([all[index]]);
    } finally {
      await together.release();
      await alone.release();
    }
  });

  it('has no rewards', async () => {
    const judge = new Judge({ config, parameters: language }, device());
    await expect(judge.rewards(candidates)).rejects.toThrow('a language model has no scores');
  });
});

describe('a reward model', () => {
  it('scores each candidate by its last token, whatever pads it and stands beside it', async () => {
    const judge = new Judge({ config, head: rewardHead, parameters: reward }, device());
    try {
      const all = await judge.rewards(candidates);
      expect(new Set(all).size).toBe(candidates.length);
      for (const index of [0, 17, 44, 89])
        expect(await judge.rewards([candidates[index]!])).toEqual([all[index]]);
      const { tokens, start } = candidates[17]!;
      const otherEnd = { tokens: [...tokens.slice(0, -1), 1 + (tokens.at(-1)! % 39)], start };
      expect(await judge.rewards([otherEnd])).not.toEqual([all[17]]);
    } finally {
      await judge.release();
    }
  });
});

describe('a preference', () => {
  const pairs: Pair[] = Array.from({ length: 45 }, (_, i) => [candidates[2 * i]!, candidates[2 * i + 1]!]);
  const turned = pairs.map(([first, second]): Pair => [second, first]);

  it.each(['score', 'mean-log-probability', 'log-odds', 'implicit-reward'] as const)(
    'by %s is a probability, and the other one when the candidates change places',
    async (by) => {
      const isScore = by === 'score';
      const judge = new Judge(
        isScore ? { config, head: rewardHead, parameters: reward } : { config, parameters: language },
        device(),
      );
      const before = new Judge({ config, parameters: initialiseGpt(config, 6) }, device());
      try {
        const reading =
          by === 'implicit-reward' || by === 'mean-log-probability' ? { by, scale: 0.5 } : { by };
        const ask = async (asked: readonly Pair[]) =>
          preferences(
            judge,
            reading,
            asked,
            by === 'implicit-reward' ? { reference: await before.likelihoods(asked.flat()) } : {},
          );
        const [straight, crossed] = [await ask(pairs), await ask(turned)];
        expect(new Set(straight.map(([p]) => p > 0.5)).size).toBe(2);
        straight.forEach(([p, rest], index) => {
          expect(p + rest).toBeCloseTo(1, 12);
          expect(crossed[index]).toEqual([rest, p]);
        });
      } finally {
        await judge.release();
        await before.release();
      }
    },
  );
});
