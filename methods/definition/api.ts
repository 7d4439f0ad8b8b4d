/**
 * @file What a program or a user's own method or task imports from `temper-w2s`.
 *
 * Methods and tasks: {@link defineMethod}, {@link defineControl}, {@link defineTask}, {@link z} for their parameters,
 * {@link operators} for losses, {@link Random} for whatever is drawn, {@link UserError} for mistakes of users.
 * The engine on its own: finetune, predict, generate.
 */
export { z } from 'zod';
export { UserError } from '../../base/errors.js';
export { Random } from '../../base/random.js';
export { filePath } from '../../spec/fields.js';
export {
  defineTask,
  type Example,
  type Examples,
  type Grade,
  type Item,
  type Label,
  type Split,
  type TaskDefinition,
  type Truth,
} from '../../datasets/task.js';
export type { LabelWork, WorkBench } from './label-work.js';
export type { ChoiceLossInputs, Loss, PolicyLossInputs, ScoreLossInputs } from './loss.js';
export {
  defineControl,
  defineMethod,
  type Cell,
  type Control,
  type Labels,
  type Method,
  type PrivilegedCell,
} from './method.js';
export * from '../../models/index.js';
export type { Graph, Value } from '../../onnx/graph.js';
export * as operators from '../../onnx/operators/index.js';
