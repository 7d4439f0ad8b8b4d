/** @file What a grader is: finds the final answer in a text, and says whether two final answers are the same. */
import type { Grade } from '../../datasets/task.js';

export interface Grader {
  /** Its name in a sweep. */
  readonly name: string;
  /** One sentence, for the documentation. */
  readonly summary: string;
  /** Whose rules these are. */
  readonly source: string;
  /** The final answer in a text, in the form that is compared; undefined where the text gives none. */
  extract(text: string): string | undefined;
  /** Whether two final answers, as {@link extract} gives them, say the same. */
  equal(a: string, b: string): boolean;
  /** 1 where the text's final answer is the truth's, else 0; a text without one is wrong. */
  grade(answer: string, truth: string): Grade;
}

/** A grader of these rules. */
export function grader(rules: Omit<Grader, 'grade'>): Grader {
  return {
    ...rules,
    grade: (answer, truth) => {
      const given = rules.extract(answer);
      const right = rules.extract(truth);
      return { score: given !== undefined && right !== undefined && rules.equal(given, right) ? 1 : 0 };
    },
  };
}
