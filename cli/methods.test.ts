/** @file `temper methods` and `temper tasks`: what they print, for people and for programs. */
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tasks } from '../datasets/tasks.js';
import { controls, methods } from '../methods/definition/registry.js';
import { registerMethods } from './methods.js';
import { wrapped } from './paragraphs.js';
import { registerTasks } from './tasks.js';

async function printed(...command: string[]): Promise<string> {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  const program = new Command('temper').exitOverride().configureOutput({ writeErr: () => undefined });
  registerMethods(program);
  registerTasks(program);
  await program.parseAsync(command, { from: 'user' });
  return lines.join('');
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('temper methods', () => {
  it('lists every method and control under what it is alike to', async () => {
    const text = await printed('methods');
    for (const name of [...Object.keys(methods), ...Object.keys(controls)])
      expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(text.indexOf('Fine-tuning on weak labels')).toBeLessThan(text.indexOf('  naive '));
    expect(text.indexOf('\nControls\n')).toBeLessThan(text.indexOf('  zero-shot '));
  });

  it('lists only those for one kind of task', async () => {
    const text = await printed('methods', '--answer', 'classes');
    expect(text).toContain('  naive ');
    expect(text).not.toContain('  icl-refinement ');
    await expect(printed('methods', '--answer', 'songs')).rejects.toThrow('classes');
  });

  it('says all about one: what it computes, its parameters, its stages, and which bugs it leaves behind', async () => {
    const text = await printed('methods', 'confidence');
    expect(text).toMatch(/^confidence \(method, fine-tuning on weak labels\)$/m);
    expect(text).toContain('arXiv 2312.09390');
    expect(text).toMatch(
      /alpha +weight of the student's own predictions after the warm-up \(a number from 0 to 1;/,
    );
    expect(text).toMatch(/ 2\. The strong model trained on \(1\)/);
    expect(text).toMatch(/ {2}- openai\/weak-to-strong jumps/);
    expect(text).not.toContain('`');
  });

  it('prints JSON that holds the same', async () => {
    const one = JSON.parse(await printed('methods', 'window', '--json')) as Record<string, unknown>;
    expect(one).toMatchObject({ name: 'window', role: 'method', family: 'tuning', trains: '1 student' });
    expect(one['parameters']).toContainEqual({
      name: 'radius',
      required: false,
      default: 0.15,
      values: 'a number from 0 to 0.5, or midweak',
      meaning: 'how far from even a student may be and still learn from an item, or midweak',
    });
    const all = JSON.parse(await printed('methods', '--json')) as { name: string }[];
    expect(all.map(({ name }) => name)).toEqual([...Object.keys(methods), ...Object.keys(controls)]);
  });

  it('knows what was probably meant', async () => {
    await expect(printed('methods', 'confidance')).rejects.toThrow('Did you mean "confidence"?');
    await expect(printed('methods', 'constructor')).rejects.toThrow('no method or control "constructor"');
  });
});

describe('temper tasks', () => {
  it('lists every task as a sweep names it', async () => {
    const text = await printed('tasks');
    for (const name of Object.keys(tasks))
      expect(text).toMatch(new RegExp(`^(generator|type): ${name} `, 'm'));
  });

  it('says all about one, inside of mappings, too', async () => {
    const text = await printed('tasks', 'dialects');
    expect(text).toContain('generator: dialects');
    expect(text).toMatch(/splits\.A +a whole number, 1 or more; default 32/);
    const { parameters } = JSON.parse(await printed('tasks', 'dialects', '--json')) as {
      parameters: { name: string }[];
    };
    expect(parameters.map(({ name }) => name)).toContain('splits.test');
    await expect(printed('tasks', 'dialect')).rejects.toThrow('Did you mean "dialects"?');
  });
});

it('paragraphs break between words and nowhere else', () => {
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapped('incomprehensibilities are', 5)).toEqual(['incomprehensibilities', 'are']);
});
