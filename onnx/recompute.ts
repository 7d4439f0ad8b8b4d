import type { Value } from './graph.js';
export function recomputed(_loss: Value, _wrt: readonly Value[], _checkpoints: readonly Value[]): Value[] {
  throw new Error('not yet');
}
