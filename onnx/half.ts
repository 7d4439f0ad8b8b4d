/** @file Floats of 16 bits, which JavaScript has no array for: IEEE's half precision, and bfloat16. */

/** Where a float32 and its bits are the same memory. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** All halves there are, as float32: made when the first is asked for. */
let halves: Float32Array | undefined;

/** Halves (IEEE 754 binary16, as their bits) as float32, which holds each exactly. */
export function fromFloat16(words: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 1 << 16 }, (_, word) => valueOfHalf(word));
  const floats = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) floats[i] = halves[words[i] as number] as number;
  return floats;
}

function valueOfHalf(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Numbers as halves, each rounded to the nearest, ties to even; beyond 65,504 + 16 they are infinite. */
export function toFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, halfOf);
}

function halfOf(value: number): number {
  float[0] = value;
  const word = bits[0] as number;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520 and more
  if (magnitude < 0x38800000) {
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴: adding 0.5, whose last bit is worth 2⁻²⁴, rounds to one.
    float[0] = Math.abs(float[0]) + 0.5;
    return sign | ((bits[0] as number) - 0x3f000000);
  }
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** bfloat16 (the upper half of a float32) as float32, which holds each exactly. */
export function fromBfloat16(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);
}

/** Numbers as bfloat16, each rounded to the nearest, ties to even. */
export function toBfloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, (value) => {
    float[0] = value;
    const word = bits[0] as number;
    if (Number.isNaN(value)) return 0x7fc0;
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}
