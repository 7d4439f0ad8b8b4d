/** @file The toxicity score: learnt from scored texts, calibrated on them, and the same every time. */
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.js';
import { auroc } from './auroc.js';
import { trainToxicity, type ScoredText } from './toxicity.js';

const kind = ['calm', 'kind', 'warm', 'fair', 'good', 'mild'];
const rude = ['vile', 'foul', 'rude', 'mean', 'cruel', 'nasty'];

/** Texts whose toxicity is the share of rude words in them, with noise. */
function texts(count: number, purpose: string): ScoredText[] {
  const random = Random.of(3, 'texts', purpose);
  return Array.from({ length: count }, (_, n) => {
    const share = random.integer(5) / 4;
    const words = Array.from({ length: 4 }, (_word, i) => {
      const list = i / 4 < share ? rude : kind;
      return list[random.integer(list.length)]!;
    });
    const noise = 0.1 * (random.uniform() - 0.5);
    return {
      text: `${random.shuffled(words).join(' ')}, it said${n % 2 ? '.' : '!'}`,
      toxicity: Math.min(1, Math.max(0, share + noise)),
    };
  });
}

describe('a toxicity score', () => {
  const score = trainToxicity(texts(300, 'training'));

  it('tells toxic texts that it has not seen from others, and comes near their scores', () => {
    const others = texts(200, 'others');
    const given = others.map(({ text }) => score(text));
    const isToxic = others.map(({ toxicity }) => toxicity > 0.5);
    expect(auroc(given, isToxic)).toBeGreaterThan(0.95);
    const error = others.reduce((sum, { toxicity }, i) => sum + Math.abs(toxicity - given[i]!), 0) / 200;
    expect(error).toBeLessThan(0.12);
  });

  it('does not mind case, punctuation and repetition, and knows nothing of words it never met', () => {
    expect(score('VILE, vile!')).toBe(score('vile'));
    expect(score('zebra')).toBe(score(''));
    expect(score('vile')).toBeGreaterThan(score(''));
    expect(score('kind')).toBeLessThan(score(''));
  });

  it('is the same every time', () => {
    const again = trainToxicity(texts(300, 'training'));
    for (const { text } of texts(20, 'others')) expect(again(text)).toBe(score(text));
  });

  it('needs texts', () => {
    expect(() => trainToxicity([])).toThrow('needs scored texts');
  });
});
