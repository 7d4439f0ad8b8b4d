/** @file Every half and every bfloat16 there and back; rounding at the places where it can go wrong. */
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.js';

const everyWord = Uint16Array.from({ length: 1 << 16 }, (_, word) => word);
const half = (word: number) => fromFloat16(Uint16Array.of(word))[0];
const roundedToHalf = (value: number) => half(toFloat16([value])[0] as number);

describe('halves', () => {
  it.each([
    ['zero', 0x0000, 0],
    ['negative zero', 0x8000, -0],
    ['one', 0x3c00, 1],
    ['the largest', 0x7bff, 65504],
    ['the smallest normal', 0x0400, 2 ** -14],
    ['the largest subnormal', 0x03ff, 1023 * 2 ** -24],
    ['the smallest subnormal', 0x0001, 2 ** -24],
    ['the nearest to a third', 0x3555, 0.333251953125],
    ['infinity', 0x7c00, Infinity],
    ['negative infinity', 0xfc00, -Infinity],
    ['not a number', 0x7e01, NaN],
  ])('%s', (_name, word, value) => {
    expect(half(word)).toBe(value);
  });

  it('come back as they were, all of them', () => {
    const values = fromFloat16(everyWord);
    const back = toFloat16(values);
    const wrong = [...everyWord].filter((word) => back[word] !== word && !Number.isNaN(values[word]));
    expect(wrong).toEqual([]);
    expect([...back].filter((word) => Number.isNaN(half(word)))).toHaveLength(2 * 1023);
  });

  it.each([
    ['a tie goes to the even one below', 1 + 2 ** -11, 1],
    ['a tie goes to the even one above', 1 + 3 * 2 ** -11, 1 + 2 ** -9],
    ['just above a tie', 1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    ['into the next power of two', 1.99999, 2],
    ['largest that is finite', 65519.99, 65504],
    ['smallest that is not', 65520, Infinity],
    ['subnormal tie to even', 2.5 * 2 ** -24, 2 * 2 ** -24],
    ['subnormal up to the smallest normal', 1023.75 * 2 ** -24, 2 ** -14],
    ['half of the smallest', 2 ** -25, 0],
    ['above half of the smallest', 1.01 * 2 ** -25, 2 ** -24],
    ['negative', -1e-8, -0],
  ])('rounding: %s', (_what, value, expected) => {
    expect(roundedToHalf(value)).toBe(expected);
  });
});

describe('bfloat16', () => {
  it('are the upper half of a float32 and come back as they were', () => {
    const values = fromBfloat16(everyWord);
    expect(values[0x3f80]).toBe(1);
    expect(values[0x0001]).toBe(2 ** -133);
    expect(values[0x7f80]).toBe(Infinity);
    const back = toBfloat16(values);
    expect([...everyWord].filter((word) => back[word] !== word && !Number.isNaN(values[word]))).toEqual([]);
  });

  it.each([
    ['a tie goes to the even one below', 1 + 2 ** -8, 1],
    ['a tie goes to the even one above', 1 + 3 * 2 ** -8, 1 + 2 ** -6],
    ['beyond the largest', 3.4e38, Infinity],
    ['not a number stays one', NaN, NaN],
  ])('rounding: %s', (_what, value, expected) => {
    expect(fromBfloat16(toBfloat16([value]))[0]).toBe(expected);
  });
});
