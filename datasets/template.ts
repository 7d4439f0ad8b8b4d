/** @file Texts made from the columns of a row by a Jinja template: `{{ question }} {{ support }}`. */
import { Template } from '@huggingface/jinja';
import { messageOf, UserError } from '../base/errors.js';
import { valueAt } from './columns.js';

export interface TextTemplate {
  /** The columns, and fields inside of columns, that it reads: `question`, `choices.text`. */
  readonly variables: readonly string[];
  /**
   * @param where the row, for messages
   * @throws UserError for a field that is not there, or what the template makes of this row
   */
  render(values: Readonly<Record<string, unknown>>, where: string): string;
}

/** What Jinja knows by itself. Its clock is left out: a text that tells the time is another at every run. */
const builtIn = new Set(['true', 'false', 'none', 'True', 'False', 'None', 'range', 'namespace', 'loop']);

/** Reads a template. @throws UserError for what is no Jinja */
export function templateOf(source: string): TextTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (error) {
    throw new UserError(`the template ${JSON.stringify(source)} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  // The library's declarations do not say what a program is made of.
  const program: unknown = template.parsed;
  const variables = [...new Set(childrenOf(program, new Set()))].sort();
  const fields = variables.filter((path) => path.includes('.'));
  return {
    variables,
    render(values, where) {
      for (const field of fields) {
        if (valueAt(values, field) !== undefined) continue;
        const fails = `the template reads ${field}, and this row has no such field`;
        throw new UserError(`${where}: ${fails} (it has ${Object.keys(values).join(', ')})`);
      }
      try {
        return template.render(plain(values) as Record<string, unknown>);
      } catch (error) {
        throw new UserError(`${where}: the template fails on this row: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
  };
}

/** Jinja knows neither null nor bigint: a missing text is an empty one. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined) return '';
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return value;
}

type Node = Readonly<Record<string, unknown>> & { readonly type: string };
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** Names that stand in these places name a filter, a test, a macro, a keyword or an operator, and no variable. */
const names: Readonly<Record<string, readonly string[]>> = {
  FilterExpression: ['filter'],
  FilterStatement: ['filter'],
  TestExpression: ['test'],
  Macro: ['name'],
  KeywordArgumentExpression: ['key'],
  BinaryExpression: ['operator'],
  UnaryExpression: ['operator'],
};

/** The variables that a part of a template reads and that nothing in the template sets, with the fields it names. */
function freePaths(node: Node, bound: ReadonlySet<string>): string[] {
  const path = pathOf(node);
  if (path !== undefined) {
    const [root = ''] = path.split('.');
    return bound.has(root) || builtIn.has(root) ? [] : [path];
  }
  const skipped = names[node.type] ?? [];
  const inner = new Set([...bound, ...boundBy(node)]);
  return Object.entries(node).flatMap(([key, value]) => {
    if (skipped.includes(key))
      return isNode(value) && value.type === 'CallExpression' ? argumentsOf(value, inner) : [];
    if (node.type === 'MemberExpression' && key === 'property' && node['computed'] === false) return [];
    // What a loop runs over is read before its variable is there.
    const scope = node.type === 'For' && key === 'iterable' ? bound : inner;
    return childrenOf(value, scope);
  });
}

const argumentsOf = (call: Node, bound: ReadonlySet<string>): string[] => childrenOf(call['args'], bound);

/** A list of statements is a scope: what one sets, those after it know. */
function childrenOf(value: unknown, bound: ReadonlySet<string>): string[] {
  if (isNode(value)) return freePaths(value, bound);
  if (value instanceof Map) return [...value].flatMap((pair) => childrenOf(pair, bound));
  if (!Array.isArray(value)) return [];
  const known = new Set(bound);
  return (value as unknown[]).flatMap((part) => {
    const found = childrenOf(part, known);
    if (isNode(part) && (part.type === 'Set' || part.type === 'Macro'))
      boundBy(part).forEach((name) => known.add(name));
    return found;
  });
}

function boundBy(node: Node): string[] {
  switch (node.type) {
    case 'For':
      return identifiersIn(node['loopvar']);
    case 'Set':
      return identifiersIn(node['assignee']);
    case 'Macro':
      return [...identifiersIn(node['name']), ...(node['args'] as unknown[]).flatMap(identifiersIn)];
    default:
      return [];
  }
}

function identifiersIn(value: unknown): string[] {
  if (!isNode(value)) return [];
  if (value.type === 'Identifier') return [String(value['value'])];
  if (value.type === 'KeywordArgumentExpression') return identifiersIn(value['key']);
  return Array.isArray(value['value']) ? (value['value'] as unknown[]).flatMap(identifiersIn) : [];
}

/** `a`, or `a.b.c` where every step is written out. */
function pathOf(node: Node): string | undefined {
  if (node.type === 'Identifier') return String(node['value']);
  if (node.type !== 'MemberExpression' || node['computed'] !== false) return undefined;
  const { object, property } = node;
  const head = isNode(object) ? pathOf(object) : undefined;
  return head === undefined || !isNode(property) ? undefined : `${head}.${String(property['value'])}`;
}
