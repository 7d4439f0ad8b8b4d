/**
 * @file The wordings in which a strong model is asked to refine answers: Jinja templates, for models that continue a text.
 *
 * After the released code of 2405.16236 (UMich-FATML/w2s-refinement, get_intent_and_improve.py): its fields, its order,
 * and the beginning of the sentence about the style. Left behind are its cut of four characters at the end of what the
 * model is shown (`[:-4]` took away the separator and the last two letters of an answer), and its list of questions that
 * an earlier loop had leaked.
 */

/** What stands before the sentence that a model is to complete with a style. Reads: examples (question, answer). */
export const inferTemplate =
  'Detect the common style of these answers.\n\n' +
  '{% for example in examples %}Question: {{ example.question }}\nAnswer: {{ example.answer }}\n\n{% endfor %}' +
  'The used style is:';

/** A question that is to be answered in a style. Reads: style, question. */
export const respondTemplate =
  'Respond to the question while following a given style. The used style is: {{ style }}\n\n' +
  'Question: {{ question }}\nAnswer:';

/** An answer that is to be improved. Reads: question, answer. */
export const improveTemplate =
  'Your task is to improve the answers given by a user.\n\n' +
  'Question: {{ question }}\nAnswer: {{ answer }}\n\nImproved answer:';
