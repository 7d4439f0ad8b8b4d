/** @file Text that is not YAML, or not YAML one would want, and the line that is shown for a mistake. */
import { describe, expect, test } from 'vitest';
import { vocabulary } from '../test/vocabulary.js';
import { SweepFileError, type SweepMistake } from './mistakes.js';
import { parseSweep } from './sweep.js';

function errorOf(text: string): SweepFileError {
  try {
    parseSweep(text, { source: 'sweeps/x.yaml', vocabulary });
  } catch (error) {
    if (error instanceof SweepFileError) return error;
    throw error;
  }
  throw new Error('the sweep has no mistakes');
}

/** line:column path: message [→ what was probably meant] */
const told = ({ line, column, path, message, suggestion }: SweepMistake): string =>
  `${line}:${column} ${path}: ${message}${suggestion === undefined ? '' : ` → ${suggestion}`}`;

describe('text that is not YAML', () => {
  test.each<[string, string, string[]]>([
    [
      'an empty file',
      '',
      [
        '1:1 : the file is empty; it needs at least name, tasks, models, pairs, methods; copy sweeps/quickstart.yaml to start from.',
      ],
    ],
    [
      'comments alone',
      '# nothing\n',
      [
        '1:1 : the file is empty; it needs at least name, tasks, models, pairs, methods; copy sweeps/quickstart.yaml to start from.',
      ],
    ],
    [
      'prose',
      'hello world',
      [
        '1:1 : found "hello world", expected a sweep, that is, keys like name: and tasks:; it needs at least name, tasks, models, pairs, methods; copy sweeps/quickstart.yaml to start from.',
      ],
    ],
    [
      'a tab',
      'tasks:\n\td: {}',
      ['2:1 : a tab is used for indentation, and YAML takes spaces only: replace it by spaces'],
    ],
    [
      'a bracket left open',
      'seeds: [1, 2\nname: x',
      [
        '2:1 : the indentation does not fit: flow sequence in block collection must be sufficiently indented and end with a ]',
      ],
    ],
    ['a quote left open', 'name: "x', ['1:9 : something is not closed or not ended: missing closing "quote']],
    [
      'two colons',
      'name: a: b',
      [
        '1:7 : a second ": " on one line: put a text that contains ": " in quotes, and nested keys on lines of their own',
      ],
    ],
    [
      'a character that YAML keeps for itself',
      'name: @x',
      ['1:7 : a text cannot start with this character unless it is in quotes'],
    ],
    [
      'two documents',
      'name: x\n---\nname: y',
      ['2:1 : a second document starts here (---), and a sweep file holds one'],
    ],
    [
      'a tag',
      'name: !x y',
      ['1:7 : unresolved tag: !x: sweeps use no tags; put a text that starts with "!" in quotes'],
    ],
    ['an alias of nothing', 'name: *x', ['1:7 : there is no anchor &x above.']],
    ['an alias inside itself', 'seeds: &a [*a]', ['1:12 : *a stands inside itself.']],
    ['a mapping as a key', '? [a]\n: 2', ['1:3 : a key must be a plain name.']],
    [
      'aliases of aliases of aliases',
      billionLaughs(),
      ['1:1 : this cannot be read as a sweep: it holds more than 200000 values.'],
    ],
    [
      'nesting without end',
      `seeds: ${'['.repeat(150)}${']'.repeat(150)}`,
      ['1:1 : this cannot be read as a sweep: it is nested more than 100 levels deep.'],
    ],
  ])('%s', (_what, text, expected) => {
    expect(errorOf(text).mistakes.map(told)).toEqual(expected);
  });

  function billionLaughs(): string {
    const levels = Array.from(
      { length: 8 },
      (_, level) => `k${level + 1}: &a${level + 1} [${`*a${level},`.repeat(10)}]`,
    );
    return [`k0: &a0 [x]`, ...levels].join('\n');
  }
});

describe('the line that is shown', () => {
  /** The frame of the last mistake of a sweep that has nothing but the given text. */
  const frameOf = (text: string): string | undefined => errorOf(text).mistakes.at(-1)?.frame;

  test('of a long line is the part around the mistake', () => {
    expect(frameOf(`name: x # ${'x'.repeat(200)}\nseeds: [${'1, '.repeat(60)} -1]`)).toBe(
      `2 | …${'1, '.repeat(17).slice(2)} -1]\n  | ${' '.repeat(51)}^^`,
    );
  });

  test('has its caret below the mistake, wide characters and combining accents or not', () => {
    expect(frameOf('{ name: "名前e\u0301", seeds: -1 }')).toBe(
      `1 | { name: "名前e\u0301", seeds: -1 }\n  | ${' '.repeat(24)}^^`,
    );
  });

  test('sends no escape sequence to the terminal', () => {
    expect(frameOf('{ name: "\u001b[31mred", seeds: -1 }')).not.toContain('\u001b');
  });

  test('has no carriage return of a Windows file in it', () => {
    expect(frameOf('name: x\r\nseeds: -1\r\n')).toBe('2 | seeds: -1\n  |        ^^');
  });
});
