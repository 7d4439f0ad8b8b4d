import { describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.js';
import { templateOf } from './template.js';

describe('a template', () => {
  test.each([
    ['Q: {{ question }} A: {{ candidate }}', ['candidate', 'question']],
    ['{{ choices.text[0] }} {{ choices["label"] }}', ['choices', 'choices.text']],
    [
      '{% for x in list %}{{ loop.index }}{{ x.name }}{% endfor %}{{ title | upper | default(other) }}',
      ['list', 'other', 'title'],
    ],
    ['{% set n = size %}{{ n }}{% if a is defined and not b %}{{ true }}{% endif %}', ['a', 'b', 'size']],
    ['{% for x in x %}{{ x }}{% endfor %}', ['x']],
    ['no column', []],
  ])('%s reads %j', (source, variables) => {
    expect(templateOf(source).variables).toEqual(variables);
  });

  test('makes a text of a row; what is null is empty', () => {
    const values = {
      question: 'why?',
      support: null,
      n: 12n,
      choices: { text: ['x', 'y'], label: ['A', 'B'] },
    };
    expect(templateOf('{{ question }}|{{ support }}|{{ n }}').render(values, 'row 1')).toBe('why?||12');
    const listed = '{% for text in choices.text %}{{ choices.label[loop.index0] }}) {{ text }} {% endfor %}';
    expect(templateOf(listed).render(values, 'row 1')).toBe('A) x B) y ');
  });

  test('says what is wrong with it, or with a row', () => {
    expect(() => templateOf('{{ question')).toThrow(UserError);
    expect(() => templateOf('{{ question')).toThrow('the template "{{ question" cannot be read');
    const nested = templateOf('{{ prompt.text }}');
    expect(() => nested.render({ prompt: { txt: 'x' } }, 'f.jsonl, line 3')).toThrow(
      'f.jsonl, line 3: the template reads prompt.text, and this row has no such field (it has prompt)',
    );
  });

  test('knows no clock: the text of a row is the same at every run', () => {
    expect(templateOf('{{ strftime_now("%H") }}').variables).toEqual(['strftime_now']);
  });
});
