/** @file A sweep file's mistakes: each with its place, what was found, what was expected, and what to do. */
import { UserError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import { codeFrame, placeOf, positionAt, type Span } from './source.js';

export type MistakeCode =
  | 'unreadable' // no such file, not text
  | 'syntax' // not YAML
  | 'duplicate' // the same key, name or value twice
  | 'unknown-key'
  | 'unknown-name' // of a method, task, model, … that there is not
  | 'missing-key'
  | 'wrong-value' // type or range
  | 'conflict' // values that are fine alone and not together
  | 'too-many' // trials
  | 'missing-file'
  | 'not-a-file'
  | 'unknown-path'; // of a --set

/** One mistake, as data: what `--json` prints. */
export interface SweepMistake {
  code: MistakeCode;
  /** The file as it was named, or "--set path=value". */
  source: string;
  line: number;
  column: number;
  endColumn: number;
  /** "methods[1].naive.labels"; empty for the file as a whole. */
  path: string;
  /** What is wrong, in one sentence that stands alone. */
  message: string;
  found?: string;
  expected?: string;
  /** What was probably meant. */
  suggestion?: string;
  /** The line with a caret under it. */
  frame: string;
}

/** What a check knows about a mistake; its place is a span. */
export type MistakeNote = Pick<
  SweepMistake,
  'code' | 'path' | 'message' | 'found' | 'expected' | 'suggestion'
>;

/** Collects mistakes instead of stopping at the first; the same one at the same place is kept once. */
export interface Reporter {
  report(span: Span, note: MistakeNote): void;
  readonly mistakes: readonly SweepMistake[];
  /** As one meets them reading the file, then those of the `--set`s. */
  inOrder(): SweepMistake[];
}

export function reporter(): Reporter {
  const seen = new Set<string>();
  const mistakes: SweepMistake[] = [];
  const ofSets = new Set<SweepMistake | undefined>();
  return {
    mistakes,
    report(span, note) {
      const identity = `${placeOf(span)} ${note.code} ${note.message}`;
      if (seen.has(identity)) return;
      seen.add(identity);
      mistakes.push(mistakeAt(span, note));
      if (span.source.kind === 'set') ofSets.add(mistakes[mistakes.length - 1]);
    },
    inOrder: () =>
      [...mistakes].sort(
        (a, b) =>
          Number(ofSets.has(a)) - Number(ofSets.has(b)) ||
          (ofSets.has(a) ? 0 : a.line - b.line || a.column - b.column),
      ),
  };
}

/** A mistake with its place worked out. */
export function mistakeAt(span: Span, note: MistakeNote): SweepMistake {
  const { line, column } = positionAt(span.source, span.start);
  const end = positionAt(span.source, Math.max(span.end, span.start));
  return {
    code: note.code,
    source: span.source.kind === 'set' ? `--set ${span.source.text}` : span.source.name,
    line,
    column,
    endColumn: end.line === line ? Math.max(end.column, column + 1) : column + 1,
    path: note.path,
    message: note.message,
    ...(note.found === undefined ? {} : { found: note.found }),
    ...(note.expected === undefined ? {} : { expected: note.expected }),
    ...(note.suggestion === undefined ? {} : { suggestion: note.suggestion }),
    frame: codeFrame(span),
  };
}

/** Everything that is wrong with a sweep file (and the `--set`s on top of it), at once. */
export class SweepFileError extends UserError {
  override readonly name = 'SweepFileError';

  constructor(
    readonly source: string,
    readonly mistakes: readonly SweepMistake[],
  ) {
    super(render(source, mistakes));
  }

  /** For `--json`. */
  toJSON(): { [key: string]: Json } {
    return {
      error: 'sweep-file',
      source: this.source,
      mistakes: this.mistakes.map((mistake) => ({ ...mistake })),
    };
  }
}

function render(source: string, mistakes: readonly SweepMistake[]): string {
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  const isYaml = mistakes.every((mistake) => mistake.code !== 'syntax');
  return [
    `${source} has ${count}; nothing was started.`,
    ...mistakes.map(renderOne),
    ...(isYaml ? [] : ['What the file says is checked once it is YAML.']),
  ].join('\n\n');
}

/** A place that editors and terminals make clickable, the sentence, the line. */
export function renderOne(mistake: SweepMistake): string {
  const place = mistake.source.startsWith('--set ')
    ? mistake.source
    : `${mistake.source}:${mistake.line}:${mistake.column}`;
  const head = mistake.path === '' ? place : `${place}  ${mistake.path}`;
  const hint = mistake.suggestion === undefined ? '' : ` ${asQuestion(mistake.suggestion)}`;
  const frame = mistake.frame.replace(/^/gm, '  ');
  return `${head}\n  ${mistake.message}${hint}\n${frame}`;
}

/** A bare word is a guess at what was meant; a sentence is advice and stands as it is. */
function asQuestion(suggestion: string): string {
  return /[.!?]$/.test(suggestion) ? suggestion : `Did you mean ${suggestion}?`;
}
