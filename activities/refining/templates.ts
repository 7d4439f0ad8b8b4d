/** @file Prompts of refinement, filled in: Jinja templates, each parsed once. */
import { Template } from '@huggingface/jinja';
import { messageOf, UserError } from '../../base/errors.js';

/** What a template is given: texts, and lists of records of texts. */
export type Fields = Readonly<Record<string, string | readonly Readonly<Record<string, string>>[]>>;

/**
 * A template that can be filled in.
 * @param name of the parameter that it came from, for messages
 * @throws UserError for a template that Jinja does not understand, or that names a field there is not
 */
export function promptTemplate(name: string, text: string): (fields: Fields) => string {
  let template: Template;
  try {
    template = new Template(text);
  } catch (error) {
    throw new UserError(`the prompt ${name} is no Jinja template: ${messageOf(error)}`);
  }
  return (fields) => {
    let prompt: string;
    try {
      prompt = template.render({ ...fields });
    } catch (error) {
      throw new UserError(
        `the prompt ${name} cannot be filled in: ${messageOf(error)}. It may use ${Object.keys(fields).join(', ')}.`,
      );
    }
    // Jinja takes a field that there is not (a slip of the pen) for an empty text.
    for (const [field, value] of Object.entries(fields)) {
      if (typeof value !== 'string' || prompt.includes(value)) continue;
      throw new UserError(
        `the prompt ${name} leaves out the ${field}: it has to say {{ ${field} }} somewhere. It may use ${Object.keys(fields).join(', ')}.`,
      );
    }
    return prompt;
  };
}

/** On one line: a line's end would end the answer for whoever reads it in a prompt. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/gu, ' ').trim();
}
