/** @file The rows of a user's file as examples for a model; whatever is wrong with one is said with its place. */
import { UserError } from '../../base/errors.js';
import { checkAnyColumn, checkColumns, type Row } from '../../datasets/columns.js';
import { formatOf, readRows, type Format } from '../../datasets/rows.js';
import { CellError, classOf, floats, isGiven, number } from './cells.js';
import { type Example, ignoredLabel, type Task } from './example.js';
import { type Form, forms, type TokenOptions, tokensOf } from './tokens.js';

export interface ReadOptions extends TokenOptions {
  readonly path: string;
  /** Default: by the extension. */
  readonly format?: Format;
  /** Classifiers' rows must have a label, and language models' something in the loss. */
  readonly forTraining: boolean;
}

const formColumns: string[] = Object.values(forms).flat();
const otherColumns = [
  'text_pair',
  'attention_mask',
  'token_type_ids',
  'position_ids',
  ...['labels', 'label'],
];

/**
 * Reads all rows of a CSV, TSV, JSONL or Parquet file.
 *
 * @throws UserError naming file and row
 */
export async function readExamples(options: ReadOptions): Promise<Example[]> {
  const { path, format = formatOf(path), task, forTraining } = options;
  const examples: Example[] = [];
  let form: Form | undefined;
  for await (const row of readRows(path, format, [], [...formColumns, ...otherColumns])) {
    const where = `${path}, ${row.place}`;
    form ??= formOf(where, row.values);
    checkColumns(where, forms[form], Object.keys(row.values));
    try {
      const tokens = tokensOf(row.values, form, options);
      const target = targetOf(row.values, task, forTraining);
      examples.push({ place: row.place, ...tokens, ...(target === undefined ? {} : { target }) });
    } catch (error) {
      if (error instanceof CellError) throw new UserError(`${where}: ${error.message}`, { cause: error });
      throw error instanceof UserError
        ? new UserError(`${where}: ${error.message}`, { cause: error })
        : error;
    }
  }
  if (examples.length === 0) throw new UserError(`${path} has no rows`);
  if (forTraining) checkSomethingCounts(path, examples, task);
  return examples;
}

/** By the columns of the first row. */
function formOf(where: string, values: Row['values']): Form {
  const given = Object.keys(values).filter((name) => isGiven(values[name]));
  const form = (Object.keys(forms) as Form[]).find((name) =>
    forms[name].every((column) => given.includes(column)),
  );
  if (form !== undefined) return form;
  if ('prompt' in values) checkColumns(where, forms.completion, Object.keys(values));
  checkAnyColumn(where, formColumns, Object.keys(values));
  throw new UserError(
    `${where}: the row is empty (${formColumns.filter((name) => name in values).join(', ')})`,
  );
}

function targetOf(values: Row['values'], task: Task, needed: boolean): Example['target'] {
  if (task.kind === 'language') return undefined;
  const column = isGiven(values['labels']) ? 'labels' : 'label';
  const value = values[column];
  if (!isGiven(value)) {
    if (!needed) return undefined;
    throw new CellError('the row has no label: a classifier is trained on a column "label" or "labels"');
  }
  switch (task.kind) {
    case 'classes':
      return classOf(column, value, task.classes, task.names);
    case 'score':
      return number(column, Array.isArray(value) && value.length === 1 ? value[0] : value);
    case 'multi-label': {
      const targets = floats(column, value);
      if (targets.length === task.classes) return targets;
      throw new CellError(
        `${column} has ${targets.length} elements, and the model has ${task.classes} classes`,
      );
    }
  }
}

/** How many predictions of an example are in the loss. A language model's first token is nobody's successor. */
export function countsOf({ labels, target }: Example, task: Task): number {
  if (task.kind === 'language') {
    const first = task.masked === true ? 0 : 1;
    return (labels ?? new Int32Array()).filter((label, i) => i >= first && label !== ignoredLabel).length;
  }
  return target === undefined || (task.kind === 'classes' && target === ignoredLabel) ? 0 : 1;
}

function checkSomethingCounts(path: string, examples: readonly Example[], task: Task): void {
  if (examples.some((example) => countsOf(example, task) > 0)) return;
  throw new UserError(
    `${path}: nothing of it is in the loss: every label is ${ignoredLabel}` +
      (task.kind === 'language'
        ? ', or belongs to the first token of its row, which nothing comes before'
        : ''),
  );
}
