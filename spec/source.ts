/** @file Text with positions: where something stands, and the line around it with a caret, as compilers show it. */

/** A piece of text that a person wrote: the sweep file, or the argument of one `--set`. */
export interface Source {
  /** What a person calls it: "sweeps/quickstart.yaml", "--set". */
  readonly name: string;
  readonly kind: 'file' | 'set';
  readonly text: string;
  /** The folder that relative paths written here start from (absolute). */
  readonly folder: string;
}

/** Characters `start` (inclusive) to `end` (exclusive) of a source. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

export interface Position {
  /** From 1. */
  line: number;
  /** From 1, in characters as a person counts them (an emoji is one). */
  column: number;
}

const frameWidth = 100;

const lineStartsOf = new WeakMap<Source, number[]>();

/** The offsets at which lines start. */
function lineStarts(source: Source): number[] {
  const known = lineStartsOf.get(source);
  if (known) return known;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1))
    starts.push(at + 1);
  lineStartsOf.set(source, starts);
  return starts;
}

/** Line and column of an offset. */
export function positionAt(source: Source, offset: number): Position {
  const starts = lineStarts(source);
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: [...source.text.slice(starts[low], offset)].length + 1 };
}

/** "sweeps/quickstart.yaml:12:14"; for a `--set`, the argument itself. */
export function placeOf(span: Span): string {
  if (span.source.kind === 'set') return `--set ${span.source.text}`;
  const { line, column } = positionAt(span.source, span.start);
  return `${span.source.name}:${line}:${column}`;
}

/**
 * The line that a span starts on, with carets under it:
 *
 *     12 |   - naive: { labels: harsh }
 *        |                      ^^^^^
 */
export function codeFrame(span: Span): string {
  const { source, start, end } = span;
  const lineStart = source.text.lastIndexOf('\n', start - 1) + 1;
  const newline = source.text.indexOf('\n', start);
  const lineEnd = newline < 0 ? source.text.length : newline;
  const clip = clipAround(source.text.slice(lineStart, lineEnd), start - lineStart, end - lineStart);
  const label = source.kind === 'set' ? '--set' : String(positionAt(source, start).line);
  const gutter = ' '.repeat(label.length);
  const carets = '^'.repeat(Math.max(1, displayWidth(clip.line.slice(clip.from, clip.to))));
  return `${label} | ${visible(clip.line).trimEnd()}\n${gutter} | ${paddingLike(clip.line.slice(0, clip.from))}${carets}`;
}

/** The part of a long line that fits a terminal and holds the marked characters. */
function clipAround(line: string, from: number, to: number): { line: string; from: number; to: number } {
  const last = Math.min(Math.max(to, from), line.length);
  if (line.length <= frameWidth) return { line, from, to: last };
  const left = Math.max(0, from - Math.floor(frameWidth / 2));
  const right = Math.min(line.length, left + frameWidth);
  const prefix = left > 0 ? '…' : '';
  const suffix = right < line.length ? '…' : '';
  const shift = prefix.length - left;
  return {
    line: `${prefix}${line.slice(left, right)}${suffix}`,
    from: from + shift,
    to: Math.min(last, right) + shift,
  };
}

/** Control characters (a stray escape sequence, a NUL) are shown and never sent to a terminal. */
export function visible(text: string): string {
  return text.replace(/\r$/, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** Blanks as wide as the text, tabs kept as tabs, so that carets stand under what they mean. */
function paddingLike(text: string): string {
  return [...text].map((char) => (char === '\t' ? '\t' : ' '.repeat(charWidth(char)))).join('');
}

function displayWidth(text: string): number {
  return [...text].reduce((width, char) => width + charWidth(char), 0);
}

function charWidth(char: string): number {
  if (/\p{Mark}|\u200d|\ufe0f/u.test(char)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
    char,
  )
    ? 2
    : 1;
}
