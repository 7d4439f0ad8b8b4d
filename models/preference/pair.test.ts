/** @file Pairs as tokens: what is cut where they are longer than the context. */
import { describe, expect, it } from 'vitest';
import { byteTokenizer } from '../tokenizer.js';
import { cutsText, encodePair, type PairTexts } from './pair.js';

const bytes = byteTokenizer();
const pairOf = (texts: Partial<PairTexts>, context: number) => {
  const cuts = { prompts: 0, responses: 0 };
  const pair = encodePair({ id: 'i7', prompt: '', responses: ['x', 'y'], ...texts }, bytes, context, cuts);
  const read = pair.map(({ tokens, start }) => ({
    prompt: bytes.decode(tokens.slice(0, start)),
    response: bytes.decode(tokens.slice(start)),
    tokens: tokens.length,
    begin: tokens[0],
  }));
  return { read, cuts };
};

describe('a pair that fits', () => {
  it('is the prompt behind the beginning-of-text token, then each response', () => {
    const { read, cuts } = pairOf({ prompt: 'who? ', responses: ['me', 'you'] }, 9);
    expect(read).toEqual([
      { prompt: 'who? ', response: 'me', tokens: 8, begin: bytes.bos },
      { prompt: 'who? ', response: 'you', tokens: 9, begin: bytes.bos },
    ]);
    expect(cutsText(cuts, 1)).toBeUndefined();
  });

  it('ends with what says that it ends, where the task has such a token', () => {
    const cuts = { prompts: 0, responses: 0 };
    const texts = { id: 'i7', prompt: 'q', responses: ['a', 'bc'], ending: bytes.bos };
    const [first, second] = encodePair(texts, bytes, 9, cuts);
    expect([first.tokens.at(-1), second.tokens.at(-1)]).toEqual([bytes.bos, bytes.bos]);
    expect([first.tokens.length - first.start, second.tokens.length - second.start]).toEqual([2, 3]);
  });
});

describe('a pair that does not fit', () => {
  it('keeps both responses whole and the end of one prompt, the same for both', () => {
    const { read, cuts } = pairOf({ prompt: '0123456789', responses: ['ab', 'abcdef'] }, 12);
    expect(read.map(({ prompt, response }) => [prompt, response])).toEqual([
      ['56789', 'ab'],
      ['56789', 'abcdef'],
    ]);
    expect(cuts).toEqual({ prompts: 1, responses: 0 });
  });

  it('keeps a quarter of the context for the prompt, and then cuts the end of the response', () => {
    const { read, cuts } = pairOf({ prompt: '0123456789', responses: ['abcdefghijklmnop', 'xy'] }, 12);
    expect(read.map(({ prompt, response, tokens }) => [prompt, response, tokens])).toEqual([
      ['789', 'abcdefgh', 12],
      ['789', 'xy', 6],
    ]);
    expect(cuts).toEqual({ prompts: 1, responses: 1 });
    expect(cutsText(cuts, 3)).toBe(
      'of 3 pairs, 1 prompts lost their beginning and 1 responses their end, ' +
        "for they are longer than the model's context",
    );
  });

  it('cuts only the response where the prompt is short', () => {
    const { read, cuts } = pairOf({ prompt: 'q', responses: ['abcdefghijklmnop', 'xy'] }, 12);
    expect(read.map(({ prompt, response }) => [prompt, response])).toEqual([
      ['q', 'abcdefghij'],
      ['q', 'xy'],
    ]);
    expect(cuts).toEqual({ prompts: 0, responses: 1 });
  });
});

describe('what is no pair', () => {
  it('a response without tokens: says which', () => {
    expect(() => pairOf({ responses: ['x', ''] }, 9)).toThrow(/item i7: response 2 of 2 has nothing/);
  });

  it('three responses', () => {
    expect(() => pairOf({ responses: ['x', 'y', 'z'] }, 9)).toThrow(/item i7 has 3 responses/);
  });
});
