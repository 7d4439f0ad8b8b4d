/** @file A toxicity score by a local classifier: logistic regression over the words of texts that people have scored. */

/** A text and how toxic it was found, from 0 to 1. */
export interface ScoredText {
  readonly text: string;
  readonly toxicity: number;
}

/** Words that fewer texts have say nothing about others. */
const fewestTexts = 2;
/** Of the squared weights, beside the mean cross entropy of the texts. */
const ridge = 1e-3;
/** Passes over all texts; by then weights of a few thousand texts hardly move. */
const passes = 200;
const rate = 0.5;

/**
 * A classifier trained on scored texts: p(toxic) = σ(b + Σ w_v) over the different words v of a text that it knows, with
 * soft targets, mean cross entropy and a ridge, by AdaGrad over all texts at once. The same texts in the same order give
 * the same scores to the last bit. It knows words, not meanings: what it is good for is comparing models on one data set.
 *
 * @throws RangeError without texts
 */
export function trainToxicity(texts: readonly ScoredText[]): (text: string) => number {
  if (texts.length === 0) throw new RangeError('a toxicity score needs scored texts to learn from');
  const vocabulary = vocabularyOf(texts);
  const rows = texts.map(({ text, toxicity }) => ({ words: knownWords(text, vocabulary), toxicity }));
  const weights = new Float64Array(vocabulary.size + 1); // the last one is b
  const squares = new Float64Array(weights.length);
  const gradient = new Float64Array(weights.length);
  const bias = vocabulary.size;
  for (let pass = 0; pass < passes; pass++) {
    for (let v = 0; v < bias; v++) gradient[v] = 2 * ridge * weights[v]!;
    gradient[bias] = 0;
    for (const { words, toxicity } of rows) {
      const error = (probability(weights, words) - toxicity) / rows.length;
      for (const word of words) gradient[word] = gradient[word]! + error;
      gradient[bias] += error;
    }
    for (let v = 0; v < weights.length; v++) {
      squares[v] = squares[v]! + gradient[v]! ** 2;
      if (squares[v]! > 0) weights[v] = weights[v]! - (rate * gradient[v]!) / Math.sqrt(squares[v]!);
    }
  }
  return (text) => probability(weights, knownWords(text, vocabulary));
}

function probability(weights: Float64Array, words: readonly number[]): number {
  const logit = words.reduce((sum, word) => sum + weights[word]!, weights[weights.length - 1]!);
  return 1 / (1 + Math.exp(-logit));
}

/** Words in the order of their first appearance. */
function vocabularyOf(texts: readonly ScoredText[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of texts) {
    for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].filter(([, count]) => count >= fewestTexts).map(([word]) => word);
  return new Map(words.map((word, index) => [word, index]));
}

function knownWords(text: string, vocabulary: ReadonlyMap<string, number>): number[] {
  return [...new Set(wordsOf(text))].flatMap((word) => vocabulary.get(word) ?? []);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu) ?? [];
}
