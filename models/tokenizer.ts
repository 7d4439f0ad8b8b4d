/** @file Text to token ids and back: bytes, or words learnt from texts. */

/** What every tokenizer begins with, in the order of their ids. */
const specials = ['<pad>', '<bos>', '<unk>'] as const;
const [pad, bos, unk] = [0, 1, 2];

/** A tokenizer as it is stored. */
export type TokenizerJson =
  | { readonly kind: 'bytes' }
  | { readonly kind: 'words'; readonly lowerCase: boolean; readonly words: readonly string[] };

export interface Tokenizer {
  readonly kind: TokenizerJson['kind'];
  /** Number of ids, the special ones included. */
  readonly vocabularySize: number;
  readonly pad: number;
  readonly bos: number;
  readonly unk: number;
  /** Ids of a text, without special ones at its ends. */
  encode(text: string): number[];
  /** Text of ids; special ones are left out, except for what is unknown, which reads `<unk>`. */
  decode(ids: readonly number[]): string;
  /** The id of one token; undefined where the text is not exactly one known token. */
  idOf(token: string): number | undefined;
  toJSON(): TokenizerJson;
}

/** Each byte of the text's UTF-8 is a token. */
export function byteTokenizer(): Tokenizer {
  return {
    kind: 'bytes',
    vocabularySize: specials.length + 256,
    pad,
    bos,
    unk,
    encode: (text) => Array.from(Buffer.from(text), (byte) => byte + specials.length),
    decode: (ids) =>
      Buffer.from(ids.map((id) => id - specials.length).filter((byte) => byte >= 0)).toString(),
    idOf: (token) => {
      const bytes = Buffer.from(token);
      return bytes.length === 1 ? (bytes[0] as number) + specials.length : undefined;
    },
    toJSON: () => ({ kind: 'bytes' }),
  };
}

/** Runs of letters and digits are words (with apostrophes inside them), every other visible character is one. */
export const wordPattern = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]/gu;

/** The pieces that {@link learnWords} counts. */
export function wordsOf(text: string, lowerCase: boolean): string[] {
  return (lowerCase ? text.toLowerCase() : text).match(wordPattern) ?? [];
}

/**
 * The most frequent words of some texts, equally frequent ones in the order of their code units, so that the
 * same texts in any order give the same vocabulary.
 *
 * @param options.maxSize number of ids at most, the special ones included
 * @param options.minCount words rarer than this are unknown
 * @param options.lowerCase whether upper and lower case are one
 */
export function learnWords(
  texts: Iterable<string>,
  { maxSize, minCount = 1, lowerCase = true }: { maxSize: number; minCount?: number; lowerCase?: boolean },
): Tokenizer {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of wordsOf(text, lowerCase)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts]
    .filter(([, count]) => count >= minCount)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, Math.max(0, maxSize - specials.length))
    .map(([word]) => word);
  return wordTokenizer(words, lowerCase);
}

function wordTokenizer(words: readonly string[], lowerCase: boolean): Tokenizer {
  const tokens = [...specials, ...words];
  const ids = new Map(words.map((word, i) => [word, i + specials.length]));
  return {
    kind: 'words',
    vocabularySize: tokens.length,
    pad,
    bos,
    unk,
    encode: (text) => wordsOf(text, lowerCase).map((word) => ids.get(word) ?? unk),
    decode: (sequence) =>
      sequence
        .filter((id) => id !== pad && id !== bos)
        .map((id) => tokens[id] ?? specials[unk])
        .join(' '),
    idOf: (token) => ids.get(lowerCase ? token.toLowerCase() : token),
    toJSON: () => ({ kind: 'words', lowerCase, words }),
  };
}

/** A tokenizer as {@link Tokenizer.toJSON} wrote it. */
export function tokenizerFrom(json: unknown): Tokenizer {
  const stored = json as Partial<Record<'kind' | 'lowerCase' | 'words', unknown>> | null;
  if (stored?.kind === 'bytes') return byteTokenizer();
  const { lowerCase, words } = stored ?? {};
  if (stored?.kind === 'words' && typeof lowerCase === 'boolean' && isTexts(words))
    return wordTokenizer(words, lowerCase);
  throw new Error(
    'not a stored tokenizer: expected {"kind":"bytes"} or {"kind":"words","lowerCase":…,"words":[…]}',
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
