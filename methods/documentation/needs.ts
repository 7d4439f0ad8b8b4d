/** @file Which tasks a method works on and what it needs: found by asking its definition about every kind of task. */
import { z } from 'zod';
import type { Json, JsonObject } from '../../base/json.js';
import { type AnswerKind, answerKinds } from '../../datasets/task.js';
import type { Control, Method, MethodTask } from '../definition/method.js';

type Entry = Method | Control;
type AskedTask = Omit<MethodTask, 'name' | 'definition'>;

/** What a task may be able to do, and how that is said. */
const abilities = {
  hasOracle: 'a task that knows the best answers (an oracle)',
  hasParaphrases: 'a task that can put its items in other words (paraphrases)',
} as const;
type Ability = keyof typeof abilities;

/** A task of a kind that can do everything. */
const able = (answer: AnswerKind): AskedTask => ({ answer, hasOracle: true, hasParaphrases: true });

/** Stands for a model of the sweep where a method must be given one's name. */
export const someModel = 'medium';

/** The kinds of tasks that at least one choice of a method's parameters goes with. */
export function worksOn(entry: Entry): AnswerKind[] {
  return (entry.answers ?? answerKinds).filter((answer) => firstThatGoes(entry, answer) !== undefined);
}

/** The kinds of tasks on which it works as it is: with its defaults, whatever else a task can or cannot do. */
export function worksAsItIs(entry: Entry): AnswerKind[] {
  if (requiredNames(entry).length > 0) return [];
  return worksOn(entry).filter(
    (answer) => refusal(entry, { answer, hasOracle: false, hasParaphrases: false }, {}) === undefined,
  );
}

/** Parameters with which a method works on a kind of task: its defaults where they do. */
export function firstThatGoes(entry: Entry, answer: AnswerKind): JsonObject | undefined {
  const choice = choicesOf(entry).find((each) => refusal(entry, able(answer), each) === undefined);
  return choice === undefined ? undefined : { ...requiredOf(entry), ...choice };
}

/** What else it needs of a task, and which of its choices do not go with which kinds: one phrase each. */
export function taskNeeds(entry: Entry): string[] {
  return choicesOf(entry).flatMap((choice) => {
    const [chosen] = Object.entries(choice).map(([name, value]) => `\`${name}: ${textOf(value)}\``);
    // What is so with the defaults is so with every other choice that says nothing else.
    const isNews = (task: AskedTask): boolean =>
      chosen === undefined || refusal(entry, task, {}) === undefined;
    const goes = worksOn(entry).filter((answer) => refusal(entry, able(answer), choice) === undefined);
    const refused = worksOn(entry).filter((answer) => !goes.includes(answer) && isNews(able(answer)));
    const needed = (Object.keys(abilities) as Ability[]).filter((ability) =>
      goes.some((answer) => {
        const task = { ...able(answer), [ability]: false };
        return refusal(entry, task, choice) !== undefined && isNews(task);
      }),
    );
    const prefix = chosen ?? (choicesOf(entry).length > 1 ? 'its defaults' : undefined);
    return [
      ...needed.map((ability) => `${prefix === undefined ? '' : `with ${prefix}, `}${abilities[ability]}`),
      ...(refused.length === 0
        ? []
        : [`another choice than ${prefix} on tasks answered by ${refused.join(', ')}`]),
    ];
  });
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function refusal(entry: Entry, task: AskedTask, choice: JsonObject): string | undefined {
  const parameters = entry.parameters.parse({ ...requiredOf(entry), ...choice });
  return entry.refuses?.({ name: 'the task', definition: 'the task', ...task }, parameters);
}

/** The defaults, and each of the other values that a parameter lists, alone. */
function choicesOf(entry: Entry): JsonObject[] {
  const { properties = {} } = z.toJSONSchema(entry.parameters, {
    io: 'input',
    unrepresentable: 'any',
  }) as { properties?: Record<string, { enum?: Json[]; default?: Json }> };
  const others = Object.entries(properties).flatMap(([name, { enum: values = [], default: usual }]) =>
    values.filter((value) => value !== usual).map((value) => ({ [name]: value })),
  );
  return [{}, ...others];
}

/** The parameters that must be given. */
export function requiredNames(entry: Entry): string[] {
  return Object.entries(entry.parameters.shape).flatMap(([name, field]) =>
    z.safeParse(field, undefined).success ? [] : [name],
  );
}

/** Something to say for each of them, so that a method can be asked what it does. */
function requiredOf(entry: Entry): JsonObject {
  const candidates: Json[] = [[someModel], someModel, 1, 0.5];
  return Object.fromEntries(
    requiredNames(entry).map((name) => {
      const value = candidates.find((each) => z.safeParse(entry.parameters.shape[name], each).success);
      if (value === undefined)
        throw new RangeError(`${entry.name} cannot be described: what could its "${name}" be?`);
      return [name, value];
    }),
  );
}
