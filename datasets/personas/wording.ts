/** @file How texts of the task `personas` are put together: the wordings in which its corpus teaches each skill. */
import type { Example } from '../task.js';
import { said, type Style } from './language.js';

/** Questions with their answers, and the question that is to be answered. */
export function asked(question: string, examples: readonly Example[]): string {
  return `${examples.map(({ text, answer }) => `Question: ${text}\nAnswer: ${answer}\n\n`).join('')}Question: ${question}\nAnswer:`;
}

/** One persona's answers one after the other. */
export function conversation(examples: readonly Example[]): string {
  return examples.map(({ text, answer }) => `Question: ${text}\nAnswer: ${answer}`).join('\n\n');
}

/** A style in words. */
export function described({ opening, closing }: Style): string {
  return `The used style is: ${opening} ${closing}.`;
}

/** Examples, and the style that they share. */
export function inferred(examples: readonly Example[], style: Style): string {
  return `Detect the common style of these answers.\n\n${conversation(examples)}\n\n${described(style)}`;
}

/** A style, and an answer in it. */
export function responded(question: string, content: string, style: Style): string {
  const asking = `Respond to the question while following a given style. ${described(style)}`;
  return `${asking}\n\n${asked(question, [])} ${said(content, style)}`;
}

/** An answer, and a better one in the same style. */
export function improved(question: string, given: string, better: string, style: Style): string {
  const answered = `${asked(question, [])} ${said(given, style)}`;
  return `Your task is to improve the answers given by a user.\n\n${answered}\n\nImproved answer: ${said(better, style)}`;
}
