/** @file `temper methods`: the ways to learn from weak labels and the controls beside them, and all about each. */
import { type Command, Option } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.js';
import { type AnswerKind, answerKinds } from '../datasets/task.js';
import { controls, methods } from '../methods/definition/registry.js';
import {
  describeMethod,
  families,
  type Family,
  type MethodDescription,
} from '../methods/documentation/description.js';
import { columns, indented } from './format.js';
import { print, printJson } from './output.js';
import { hanging, plain } from './paragraphs.js';
import { parameterText } from './parameter-table.js';

interface Options {
  readonly json?: boolean;
  readonly answer?: AnswerKind;
}

export function registerMethods(program: Command): void {
  program
    .command('methods')
    .argument('[name]', 'a method or control')
    .description('list the methods and controls that a sweep can name, or say all about one')
    .addOption(
      new Option('--answer <kind>', 'only those for tasks that are answered so').choices([...answerKinds]),
    )
    .option('--json', 'print as JSON')
    .action((name: string | undefined, { json = false, answer }: Options) => {
      if (name !== undefined) return show(describeMethod(methodNamed(name)), json, text);
      const all = [...Object.values(methods), ...Object.values(controls)].map(describeMethod);
      show(
        all.filter(({ answers }) => answer === undefined || answers.includes(answer)),
        json,
        list,
      );
    });
}

function show<T>(value: T, json: boolean, written: (value: T) => string): void {
  if (json) printJson(value);
  else print(written(value));
}

/** @throws UserError that lists what there is */
function methodNamed(name: string) {
  const entry = [methods, controls].find((entries) => Object.hasOwn(entries, name))?.[name];
  if (entry !== undefined) return entry;
  const names = [...Object.keys(methods), ...Object.keys(controls)];
  const near = closest(name, names);
  const hint = distance(name, near) <= 1 + name.length / 3 ? ` Did you mean "${near}"?` : '';
  throw new UserError(
    `there is no method or control "${name}".${hint} There are ${names.join(', ')}; \`temper methods\` says what they do.`,
  );
}

function list(all: readonly MethodDescription[]): string {
  const paragraphs = (Object.keys(families) as Family[]).flatMap((family) => {
    const rows = all
      .filter((each) => each.family === family)
      .map(({ name, summary }) => [name, plain(summary)]);
    return rows.length === 0 ? [] : [`${families[family]}\n${indented(columns(rows))}`];
  });
  return [
    ...paragraphs,
    '`temper methods NAME` says all about one: formula, source, parameters, stages.',
  ].join('\n\n');
}

function text(method: MethodDescription): string {
  const { name, role, family, summary, formula, source, answers, needs, trains, parameters, stages } = method;
  const { leavesBehind, standard } = method;
  const where = role === 'control' ? 'control' : `method, ${families[family].toLowerCase()}`;
  const on = answers.length === answerKinds.length ? 'every task' : `tasks answered by ${answers.join(', ')}`;
  const facts = [
    ...(formula === undefined ? [] : [hanging('Computes  ', formula)]),
    hanging('Source    ', source),
    hanging('Works on  ', on),
    ...(needs.length === 0 ? [] : [hanging('Needs     ', needs.join('; '))]),
    hanging('Trains    ', trains),
    ...(standard === undefined ? [] : [hanging('Standard  ', standardText(standard))]),
  ];
  return [
    `${name} (${where})`,
    hanging('', summary),
    facts.join('\n'),
    parameters.length === 0 ? 'No parameters' : `Parameters\n${parameterText(parameters)}`,
    `Stages, with its defaults\n${numbered(stages)}`,
    ...(leavesBehind.length === 0
      ? []
      : [`Left behind\n${leavesBehind.map((bug) => hanging('  - ', bug)).join('\n')}`]),
  ].join('\n\n');
}

function standardText(standard: NonNullable<MethodDescription['standard']>): string {
  if (standard.length === 0) return 'not part of `controls: standard`';
  const choices = standard.map((choice) =>
    Object.keys(choice).length === 0 ? 'its defaults' : JSON.stringify(choice),
  );
  return `part of \`controls: standard\`, with ${choices.join(' and with ')}`;
}

const numbered = (stages: readonly string[]): string =>
  stages.map((stage, index) => hanging(`${String(index + 1).padStart(3)}. `, stage)).join('\n');
