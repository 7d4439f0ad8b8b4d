/** @file What a model is trained on or asked about, token by token, and what is taught. */

/** A label that counts nothing, as PyTorch's cross-entropy has it. */
export const ignoredLabel = -100;

/** One row of a file, encoded. */
export interface Example {
  /** Where in the file a person finds it: "line 17". */
  readonly place: string;
  readonly ids: Int32Array;
  /** 1 at real tokens, 0 at padding; none: every token is real. */
  readonly mask?: Int32Array;
  /** `token_type_ids` */
  readonly segments?: Int32Array;
  /** `position_ids`; none: 0, 1, … whatever the mask says, as transformers' forward does. */
  readonly positions?: Int32Array;
  /** For language models, one a token and not shifted: labels[i] is what ids[i] should have been; −100: not in the loss. */
  readonly labels?: Int32Array;
  /** For classifiers: a class; one number where there is one output; a 0 or 1 for each class where several may hold. */
  readonly target?: number | Float32Array;
}

/** What a model puts out, and so what labels are. */
export type Task =
  /** Each token from those before it, or, `masked`, from those around it: then labels stand where they are. */
  | { readonly kind: 'language'; readonly masked?: boolean }
  /** One class of several. */
  | { readonly kind: 'classes'; readonly classes: number; readonly names?: readonly string[] }
  /** One number: transformers' regression, or a reward. */
  | { readonly kind: 'score' }
  /** Any number of classes at once: transformers' multi_label_classification. */
  | { readonly kind: 'multi-label'; readonly classes: number; readonly names?: readonly string[] };

/** How many outputs a classifier of the task has. */
export function outputsOf(task: Exclude<Task, { kind: 'language' }>): number {
  return task.kind === 'score' ? 1 : task.classes;
}
