/** @file Tokenizers: bytes, and words learnt from texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteTokenizer, learnWords, type Tokenizer, tokenizerFrom } from './tokenizer.js';

describe('bytes', () => {
  const bytes = byteTokenizer();

  it('read any text back as it was', () => {
    const property = fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(bytes.decode(bytes.encode(text))).toBe(text);
    });
    fc.assert(property);
  });

  it('keep clear of the special ids', () => {
    const ids = bytes.encode('\u0000é');
    expect(ids).toEqual([3, 3 + 0xc3, 3 + 0xa9]);
    expect(Math.max(...ids)).toBeLessThan(bytes.vocabularySize);
    expect(bytes.decode([bytes.bos, ...ids, bytes.pad])).toBe('\u0000é');
  });

  it('know single bytes only as tokens', () => {
    expect(bytes.idOf('a')).toBe(100);
    expect(bytes.idOf('é')).toBeUndefined();
  });
});

describe('words', () => {
  const texts = ['Balo balon, kime kimes.', "Don't! The balon's here.", '北京 42 balo'];

  it('are runs of letters and digits; other visible characters stand alone', () => {
    const words = learnWords(texts, { maxSize: 100 });
    expect(words.encode("balo  BALON,\nkime don't").map((id) => words.decode([id]))).toEqual([
      'balo',
      'balon',
      ',',
      'kime',
      "don't",
    ]);
    expect(words.decode(words.encode('北京 zebra 42'))).toBe('北京 <unk> 42');
  });

  it('are one token each, as the choices of a task have to be', () => {
    const words = learnWords(texts, { maxSize: 100 });
    expect(words.decode([words.idOf('kimes') as number])).toBe('kimes');
    expect(words.idOf('Balo')).toBe(words.idOf('balo'));
    expect(words.idOf('zebra')).toBeUndefined();
    expect(words.idOf('balo balon')).toBeUndefined();
  });

  it('keep their case if asked to', () => {
    const words = learnWords(texts, { maxSize: 100, lowerCase: false });
    expect(words.idOf('Balo')).not.toBe(words.idOf('balo'));
  });

  it('are the most frequent ones, equally frequent ones by their letters', () => {
    const words = learnWords(['b b b a c', 'c a d'], { maxSize: 6 });
    expect(words.toJSON()).toEqual({ kind: 'words', lowerCase: true, words: ['b', 'a', 'c'] });
    expect(words.vocabularySize).toBe(6);
    expect(learnWords(['b b b a c', 'c a d'], { maxSize: 100, minCount: 2 }).vocabularySize).toBe(3 + 3);
  });

  it('do not depend on the order of the texts', () => {
    const property = fc.property(fc.array(fc.string()), (list) => {
      const learnt = (order: string[]) => learnWords(order, { maxSize: 8 }).toJSON();
      expect(learnt([...list].reverse())).toEqual(learnt(list));
    });
    fc.assert(property);
  });
});

describe('a stored tokenizer', () => {
  it.each<[string, Tokenizer]>([
    ['bytes', byteTokenizer()],
    ['words', learnWords(['a constructor and a toString'], { maxSize: 10, lowerCase: false })],
  ])('of %s reads as before', (_kind, tokenizer) => {
    const read = tokenizerFrom(JSON.parse(JSON.stringify(tokenizer)));
    const text = 'constructor toString unknown';
    expect(read.encode(text)).toEqual(tokenizer.encode(text));
    expect(read.vocabularySize).toBe(tokenizer.vocabularySize);
  });

  it.each([null, {}, { kind: 'words' }, { kind: 'words', lowerCase: true, words: [1] }])(
    '%j is refused',
    (json) => {
      expect(() => tokenizerFrom(json)).toThrow('not a stored tokenizer');
    },
  );
});
