/** @file What config.json says about a model, whatever its architecture calls it. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { Task } from '../data/example.js';

/** What architectures call the number of their positions. */
const contextNames = ['max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len', 'seq_length'];
/** Whose positions begin behind the padding's id, so that so many embeddings are never used. */
const positionsBehindPadding = [
  'roberta',
  'xlm-roberta',
  'camembert',
  'xlm-roberta-xl',
  'data2vec-text',
  'mpnet',
];

/** The longest sequence that the model's positions allow; Infinity where config.json names no limit. */
export function contextOf(config: JsonObject): number {
  const found = contextNames.map((name) => config[name]).find((value) => typeof value === 'number');
  if (typeof found !== 'number') return Infinity;
  const type = config['model_type'];
  const behind = typeof type === 'string' && positionsBehindPadding.includes(type);
  return behind ? found - 1 - (padIdOf(config) ?? 1) : found;
}

export function padIdOf(config: JsonObject): number | undefined {
  const id = config['pad_token_id'];
  return typeof id === 'number' && id >= 0 ? id : undefined;
}

/** Names of a classifier's classes in order, where they were given names of their own. */
export function classNamesOf(config: JsonObject): string[] | undefined {
  const names = config['id2label'];
  if (typeof names !== 'object' || names === null || Array.isArray(names)) return undefined;
  const ordered = Object.keys(names).map((_, i) => names[String(i)]);
  if (!ordered.every((name) => typeof name === 'string')) return undefined;
  return ordered.every((name, i) => name === `LABEL_${i}`) ? undefined : ordered;
}

/**
 * What a classifier of so many outputs is for, as transformers decides it: one output is a number, several are classes
 * of which one holds, unless problem_type says that any number may.
 */
export function classifierTask(config: JsonObject, outputs: number): Exclude<Task, { kind: 'language' }> {
  const names = classNamesOf(config);
  const named = names?.length === outputs ? { names } : {};
  const problem = config['problem_type'] ?? undefined;
  if (problem === 'regression' || (problem === undefined && outputs === 1)) {
    if (outputs === 1) return { kind: 'score' };
    throw new UserError(
      `config.json says problem_type "regression", and the model has ${outputs} outputs: only one can be trained on numbers`,
    );
  }
  return {
    kind: problem === 'multi_label_classification' ? 'multi-label' : 'classes',
    classes: outputs,
    ...named,
  };
}
