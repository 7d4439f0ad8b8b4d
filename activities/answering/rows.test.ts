/** @file Texts of which the tokenizer knows nothing are noticed before anything is learnt from them. */
import { describe, expect, it } from 'vitest';
import { byteTokenizer, learnWords, type Tokenizer } from '../../models/tokenizer.js';
import { checkKnown } from './rows.js';

const words = learnWords(['the offer is free'], { maxSize: 100 });
const config = { architecture: 'gpt', layers: 1, width: 8, heads: 2, context: 8, vocabulary: 100 } as const;
const noted = (tokenizer: Tokenizer, ...texts: string[]): string[] => {
  const lines: string[] = [];
  const rows = texts.map((text) => ({ tokens: [tokenizer.bos, ...tokenizer.encode(text)] }));
  checkKnown({ config, tokenizer }, rows, (line) => lines.push(line));
  return lines;
};

describe('texts without a word that the tokenizer knows', () => {
  it('are counted in the log', () => {
    expect(noted(words, 'a free lunch', 'дом', '')).toEqual([
      '2 of 3 texts have no word that the model knows',
    ]);
    expect(noted(words, 'the offer')).toEqual([]);
  });

  it('are an error where all are such, with what to do', () => {
    expect(() => noted(words, 'дом', 'кот')).toThrow(/none of the 2 texts has a word[\s\S]*tokenizer: bytes/);
  });

  it('are none for bytes', () => {
    expect(noted(byteTokenizer(), 'дом', 'кот')).toEqual([]);
  });
});
