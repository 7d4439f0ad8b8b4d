/** @file Two conversations that part at the last answer: what both share is the prompt, as in Anthropic's hh-rlhf. */

export interface Parted {
  /** Up to and including the last turn's opening that both share: "\n\nHuman: Hi\n\nAssistant:". */
  readonly prompt: string;
  /** What each goes on with, the space before it included. */
  readonly responses: readonly [string, string];
}

/** How a turn of someone else begins, given how the answers' turns do: "\n\nAssistant:" → "\n\nHuman:". */
const anotherTurn = /\n\n[A-Z][a-z]+:/;

/**
 * Cuts two conversations after the last `turn` that lies in what they share; undefined where they share none. Letters that
 * the two answers happen to begin with belong to the answers.
 */
export function partConversations(one: string, other: string, turn: string): Parted | undefined {
  let shared = 0;
  while (shared < one.length && shared < other.length && one[shared] === other[shared]) shared++;
  const opening = one.slice(0, shared).lastIndexOf(turn);
  if (opening < 0) return undefined;
  const end = opening + turn.length;
  return { prompt: one.slice(0, end), responses: [one.slice(end), other.slice(end)] };
}

/** Whether an answer holds turns of its own: then the two conversations part before their last answer. */
export function hasFurtherTurns(response: string): boolean {
  return anotherTurn.test(response);
}
