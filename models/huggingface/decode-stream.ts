/** @file Text while it is being generated: never half a character, never a space that the whole text would not have. */

/** Turns token ids, one after the other, into pieces of text; the pieces together are the text of all ids. */
export interface DecodeStream {
  /** The text that became certain with this id; often empty. */
  push(id: number): string;
  /** What was held back. */
  end(): string;
}

/**
 * A token's text depends on its neighbours (spaces that a first token loses, bytes that only together are a character).
 * So each piece is the difference between two decodings that both begin with the piece before it.
 *
 * @param decode ids → text, without clean-up
 */
export function decodeStream(decode: (ids: number[]) => string): DecodeStream {
  // What was put out last, as context, then what is held back.
  let ids: number[] = [];
  let context = 0;
  let known = '';
  const step = (last: boolean): string => {
    const text = decode(ids);
    // A replacement character at the end: the rest of the character may come with the next token.
    if (!last && text.endsWith('\ufffd')) return '';
    const piece = text.slice(known.length);
    if (piece === '') return '';
    ids = ids.slice(context);
    context = ids.length;
    known = decode(ids);
    return piece;
  };
  return {
    push: (id) => {
      ids.push(id);
      return step(false);
    },
    end: () => (ids.length > context ? step(true) : ''),
  };
}

/**
 * A stream whose text is tidied as a whole text would be (` .` → `.`): a piece ends before a space, since what
 * follows decides whether the space stays.
 */
export function tidiedStream(inner: DecodeStream, tidy: (text: string) => string): DecodeStream {
  let held = '';
  const certain = (): string => {
    let end = held.lastIndexOf(' ');
    // ` ' ` as a whole is a pattern, and may begin where another ends: do not cut before its last space.
    while (end >= 2 && held.slice(end - 2, end + 1) === " ' ") end -= 2;
    if (end <= 0) return '';
    const piece = tidy(held.slice(0, end));
    held = held.slice(end);
    return piece;
  };
  return {
    push: (id) => {
      held += inner.push(id);
      return certain();
    },
    end: () => {
      const piece = tidy(held + inner.end());
      held = '';
      return piece;
    },
  };
}
