/** @file What of a network is trained. */
import { UserError } from '../base/errors.js';
import type { ParameterSpec } from '../onnx/program.js';

/**
 * `full`: every parameter; `head`: only the head's; `none`: none of the network's (a new head and adapters are trained
 * in any case); or those whose names one regular expression matches as a whole.
 */
export type Selection = 'full' | 'head' | 'none' | { readonly matching: string };

/** Last parts of the names of modules that heads are: language models', classifiers', and what stands before them. */
const heads = /(^|\.)(lm_head|embed_out|head|score|classifier|pre_classifier|pooler|cls|qa_outputs)(\.|$)/;

/** Names of the parameters of a network that are trained. */
export function selected(
  parameters: readonly ParameterSpec[],
  selection: Selection,
  /** Whether the network's own head is out of use, a new one being in its place. */
  replacedHead: boolean,
): ReadonlySet<string> {
  const names = parameters.map(({ name }) => name);
  if (selection === 'full') return new Set(names);
  if (selection === 'none' || (selection === 'head' && replacedHead)) return new Set();
  if (selection === 'head') {
    const found = names.filter((name) => heads.test(name));
    if (found.length > 0) return new Set(found);
    throw new UserError(
      'this model has no head of its own that could be trained alone (its embedding may serve as one): ' +
        'name the parameters with a pattern',
    );
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${selection.matching})$`, 'u');
  } catch {
    throw new UserError(`"${selection.matching}" is not a regular expression for names of parameters`);
  }
  const found = names.filter((name) => pattern.test(name));
  if (found.length > 0) return new Set(found);
  throw new UserError(
    `no parameter's name matches "${selection.matching}" as a whole; there are ${names.slice(0, 3).join(', ')}, …`,
  );
}
