/** @file What editors are told about sweep files agrees with what is checked. */
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '../base/json.js';
import { quickstart, safety, vocabulary } from '../test/vocabulary.js';
import { sweepJsonSchema } from './json-schema.js';

interface Ajv {
  validate(schema: JsonObject, value: unknown): boolean;
  errorsText(): string;
}

// A JSON Schema validator that other development tools bring; Temper itself needs none.
const require = createRequire(import.meta.url);
const Validator = require('ajv') as { default: new (options: { strict: boolean }) => Ajv };
const schema = sweepJsonSchema(vocabulary);

function verdict(text: string): string {
  const ajv = new Validator.default({ strict: false });
  return ajv.validate(schema, parse(text)) ? 'fine' : ajv.errorsText();
}

test('accepts the example sweeps', () => {
  expect(verdict(quickstart)).toBe('fine');
  expect(verdict(safety)).toBe('fine');
});

describe('accepts', () => {
  test.each([
    ['a list anywhere', 'width: 96', 'width: [64, 96]'],
    ['a list inside a mapping', 'steps: 900', 'steps: [0, 900]'],
    ['a list of lists where a list is wanted', 'warmup: 50', 'betas: [[0.9, 0.95], [0.9, 0.99]]'],
    ['a method with nothing after it', '- confidence', '- confidence:'],
    ['a list of parameters', '- confidence', '- confidence: [{ alpha: 0.5 }, { alpha: 0.75 }]'],
    ['controls by name', 'controls: standard', 'controls: [zero-shot]'],
    ['seeds by name', 'seeds: 2', 'seeds: [3, 5]'],
  ])('%s', (_what, old, replacement) => {
    expect(verdict(quickstart.replace(old, replacement))).toBe('fine');
  });
});

describe('refuses', () => {
  test.each([
    ['an unknown key', 'seeds: 2', 'seed: 2'],
    ['an unknown parameter', 'width: 96', 'widht: 96'],
    ['a wrong type', 'width: 96', 'width: wide'],
    ['a wrong type in a list', 'width: 96', 'width: [96, wide]'],
    ['an unknown method', '- confidence', '- confidense'],
    ['an unknown generator', 'generator: dialects', 'generator: dialect'],
    ['a missing section', 'name: quickstart', ''],
  ])('%s', (_what, old, replacement) => {
    expect(verdict(quickstart.replace(old, replacement))).not.toBe('fine');
  });
});

test('tells editors what each field is for', () => {
  const text = JSON.stringify(schema);
  expect(text).toContain('optimizer steps; 0 = no pretraining');
  expect(text).toContain('who supervises whom');
  expect(text).not.toContain('temperFile');
});
