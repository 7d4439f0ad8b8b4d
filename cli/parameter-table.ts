/** @file Parameters as lines of a terminal. */
import { defaultText, type ParameterRow } from '../spec/parameter-rows.js';
import { indented } from './format.js';
import { hanging } from './paragraphs.js';

/** One paragraph a parameter: its name, default and values, and below them what it means. */
export function parameterText(parameters: readonly ParameterRow[]): string {
  const name = Math.max(0, ...parameters.map((parameter) => parameter.name.length));
  const lines = parameters.map((parameter) => {
    const { values, meaning } = parameter;
    const usual =
      parameter.default === undefined ? defaultText(parameter) : `default ${defaultText(parameter)}`;
    const facts = [values, ...(usual === '' ? [] : [usual])].join('; ');
    return hanging(`${parameter.name.padEnd(name)}  `, meaning === '' ? facts : `${meaning} (${facts})`);
  });
  return indented(lines.join('\n'));
}
