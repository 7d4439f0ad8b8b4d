/** @file `scale: small`, `pairs: { grid: … }` and supervisors whose answers stand in the data. */
import { describe, expect, it } from 'vitest';
import { vocabulary } from '../test/vocabulary.js';
import { parseSweep } from './sweep.js';

const file = `
name: t
tasks: { d: { generator: dialects, dialect: 0 } }
models:
  s: { architecture: gpt, layers: 1, width: 8, heads: 2 }
  m: { architecture: gpt, layers: 1, width: 16, heads: 2 }
  l: { architecture: gpt, layers: 2, width: 16, heads: 2 }
pairs: [{ weak: s, strong: l }]
methods: [naive]
seeds: 5
scales:
  small: { name: t-small, seeds: 1, tasks.d.nouns: 16, models.l.width: 8 }
  wide: { models.l.width: 64 }
`;
const parse = (text: string, ...sets: string[]) =>
  parseSweep(text, { source: 'sweep.yaml', vocabulary, sets });

describe('a scale', () => {
  it('changes nothing where none is chosen', () => {
    expect(parse(file)).toMatchObject({ name: 't', seeds: [0, 1, 2, 3, 4] });
    expect(parse(file, 'scale=full').seeds).toHaveLength(5);
  });

  it('is chosen by --set or in the file, and other --sets come after it', () => {
    const small = parse(file, 'scale=small');
    expect(small.name).toBe('t-small');
    expect(small.seeds).toEqual([0]);
    expect(small.tasks[0]!.parameters['nouns']).toBe(16);
    expect(small.models['l']!.parameters['width']).toBe(8);
    expect(parse(`${file}scale: wide\n`).models['l']!.parameters['width']).toBe(64);
    expect(parse(`${file}scale: wide\n`, 'scale=small').seeds).toEqual([0]);
    expect(parse(file, 'seeds=3', 'scale=small').seeds).toEqual([0, 1, 2]);
  });

  it('that is not there, or leads nowhere, is a mistake with its place', () => {
    expect(() => parse(file, 'scale=tiny')).toThrow(
      'there is no scale "tiny"; this sweep has full, small, wide.',
    );
    expect(() => parse(file.replace('tasks.d.nouns', 'tasks.e.nouns'), 'scale=small')).toThrow(
      /sweep\.yaml:12:43 .*tasks\.e\.nouns[\s\S]*tasks has no "e" in the file; it has d/,
    );
    expect(() => parse(file.replace('wide: { models.l.width: 64 }', 'wide: 3'), 'scale=wide')).toThrow(
      'expected changes, each a path and a value',
    );
  });
});

describe('pairs: { grid: … }', () => {
  const grid = (list: string) => parse(file.replace('[{ weak: s, strong: l }]', `{ grid: ${list} }`)).pairs;

  it('is every model as the supervisor of itself and of all after it', () => {
    expect(grid('[s, m, l]').map(({ weak, strong }) => `${weak}→${strong}`)).toEqual([
      's→s',
      's→m',
      's→l',
      'm→m',
      'm→l',
      'l→l',
    ]);
  });

  it('names models of the sweep', () => {
    expect(() => grid('[s, xl]')).toThrow(/pairs\.grid\[1\]/);
    expect(() => grid('[]')).toThrow(/grid/);
  });
});

describe('a supervisor whose answers stand in the data', () => {
  it('is a model without an architecture', () => {
    const sweep = parse(
      file.replace('  s: { architecture: gpt, layers: 1, width: 8, heads: 2 }', '  s: { answers: 6b }'),
    );
    expect(sweep.models['s']).toMatchObject({ answers: '6b', architecture: '', parameters: {} });
    expect(sweep.pairs).toEqual([{ weak: 's', strong: 'l' }]);
  });

  it('has nothing else to say', () => {
    expect(() =>
      parse(file.replace('layers: 1, width: 8, heads: 2', 'answers: 6b').replace('[naive]', '[]')),
    ).toThrow(/architecture/);
  });
});

it('a sweep may be of controls alone', () => {
  expect(parse(file.replace('[naive]', '[]')).methods).toEqual([]);
});
