/** @file For every preset a made-up row of the shape in which it is published, and what becomes of it. */

export interface Sample {
  /** The i-th row; even and odd ones differ in their class. */
  readonly row: (i: number) => Record<string, unknown>;
  /** What the task's text looks like; where a candidate is shown, CANDIDATE stands for it. */
  readonly text: (i: number) => string;
  /** The class of row i (classification without candidates). */
  readonly label?: (i: number) => string;
  /** The right candidate of row i, and the wrong ones. */
  readonly right?: (i: number) => string;
  readonly wrong?: (i: number) => string[];
}

const odd = (i: number) => i % 2;
const noYes = (i: number) => (odd(i) ? 'yes' : 'no');
const NoYes = (i: number) => (odd(i) ? 'Yes' : 'No');
const letters = ['A', 'B', 'C', 'D'];
const four = (i: number) => letters.map((letter) => `answer ${letter}${i}`);
const others = (i: number) => four(i).filter((_, k) => k !== i % 4);

const sciqRow = (i: number) => ({
  question: `why ${i}?`,
  distractor3: `c${i}`,
  distractor1: `a${i}`,
  distractor2: `b${i}`,
  correct_answer: `right ${i}`,
  support: `since ${i}`,
});
const sciq = {
  row: sciqRow,
  right: (i: number) => `right ${i}`,
  wrong: (i: number) => [`a${i}`, `b${i}`, `c${i}`],
};
const conversation = (i: number) => ({
  chosen: `\n\nHuman: q${i}\n\nAssistant: good ${i}`,
  rejected: `\n\nHuman: q${i}\n\nAssistant: bad ${i}`,
});
const hh: Sample = { row: conversation, text: (i) => `\n\nHuman: q${i}\n\nAssistant:` };
const solution = (i: number) => ({ is_correct: odd(i) === 1, solution: `it is\nA: ${i}` });

export const samples: Readonly<Record<string, Sample>> = {
  safety: {
    row: (i) => ({ prompt: `prompt ${i}`, is_safe: odd(i) ? 'True' : 'False' }),
    text: (i) => `prompt ${i}`,
    label: (i) => (odd(i) ? 'True' : 'False'),
  },
  'real-toxicity-prompts': {
    row: (i) => ({
      filename: 'f.txt',
      begin: 0,
      end: 9,
      challenging: false,
      prompt: { text: `begins ${i}`, toxicity: odd(i) ? 0.5 : 0.499 },
      continuation: { text: `ends ${i}`, toxicity: 0.1 },
    }),
    text: (i) => `begins ${i}`,
    label: (i) => (odd(i) ? 'toxic' : 'not toxic'),
  },
  'legalbench-privacy-policy-qa': {
    row: (i) => ({
      index: i,
      question: `do you ${i}?`,
      text: `We may ${i}.`,
      answer: odd(i) ? 'Relevant' : 'Irrelevant',
    }),
    text: (i) => `Clause: We may ${i}.\nQuestion: do you ${i}?`,
    label: (i) => (odd(i) ? 'Relevant' : 'Irrelevant'),
  },
  'legalbench-hearsay': {
    row: (i) => ({ index: i, answer: NoYes(i), text: `He said ${i}.`, slice: 'Standard hearsay' }),
    text: (i) => `He said ${i}. Is there hearsay?`,
    label: NoYes,
  },
  'legalbench-overruling': {
    row: (i) => ({ index: i, answer: NoYes(i), text: `we hold ${i}` }),
    text: (i) => `we hold ${i}`,
    label: NoYes,
  },
  'legalbench-contract-nli-explicit-identification': {
    row: (i) => ({ index: i, answer: NoYes(i), text: `clause ${i}`, document_name: 'a.pdf' }),
    text: (i) => `clause ${i}`,
    label: NoYes,
  },
  'hh-rlhf-harmless': hh,
  'hh-rlhf-helpful': hh,
  gsm8k: { row: (i) => ({ question: `${i} + 0?`, answer: `so\n#### ${i}` }), text: (i) => `${i} + 0?` },
  'gsm8k-model-solutions': {
    row: (i) => ({
      question: `${i} + 0?`,
      ground_truth: `so\nA: ${i}`,
      '6b_finetuning': solution(i + 1),
      '6b_verification': solution(i),
      '175b_finetuning': solution(i),
      '175b_verification': solution(i),
    }),
    text: (i) => `${i} + 0?`,
  },
  sciq: { ...sciq, text: (i) => `Q: why ${i}? A: CANDIDATE` },
  'sciq-with-support': {
    ...sciq,
    text: (i) => `Name: Bob\n\nPassage 1:\nsince ${i}\n\nQ1: "why ${i}?" Is the answer "CANDIDATE"?`,
  },
  'cosmos-qa': {
    row: (i) => ({
      id: `x${i}`,
      context: `story ${i}`,
      question: 'why?',
      ...Object.fromEntries(four(i).map((answer, k) => [`answer${k}`, answer])),
      label: i % 4,
    }),
    text: (i) => `Context: story ${i}\nQuestion: why?\nAnswer: CANDIDATE`,
    right: (i) => four(i)[i % 4]!,
    wrong: others,
  },
  openbookqa: {
    row: (i) => ({
      id: `x${i}`,
      question_stem: `what ${i}`,
      choices: { text: four(i), label: letters },
      answerKey: letters[i % 4],
    }),
    text: (i) =>
      `Q: what ${i}\n\nChoices:\n${four(i)
        .map((answer, k) => `${letters[k]}) ${answer}\n`)
        .join('')}\nAnswer: CANDIDATE`,
    right: (i) => four(i)[i % 4]!,
    wrong: others,
  },
  piqa: {
    row: (i) => ({ goal: `open ${i}`, sol1: `pull ${i}`, sol2: `push ${i}`, label: odd(i) }),
    text: (i) => `Q: open ${i} A: CANDIDATE`,
    right: (i) => (odd(i) ? `push ${i}` : `pull ${i}`),
    wrong: (i) => [odd(i) ? `pull ${i}` : `push ${i}`],
  },
  hellaswag: {
    row: (i) => ({
      ind: i,
      activity_label: 'x',
      ctx_a: 'a',
      ctx_b: 'b',
      ctx: `he ${i}`,
      endings: four(i),
      label: String(i % 4),
    }),
    text: (i) =>
      `Context:\nhe ${i}\n\nContinuations:\n\n${four(i).join('\n')}\n\nQ: Is "CANDIDATE" the best continuation?`,
    right: (i) => four(i)[i % 4]!,
    wrong: others,
  },
  quail: {
    row: (i) => ({
      id: `x${i}`,
      context: `text ${i}`,
      question: 'who?',
      answers: four(i),
      correct_answer_id: i % 4,
    }),
    text: (i) => `Passage:\n\ntext ${i}\n\nQ: "who?" Is the answer "CANDIDATE"?`,
    right: (i) => four(i)[i % 4]!,
    wrong: others,
  },
  quartz: {
    row: (i) => ({
      id: `x${i}`,
      question: `more ${i}?`,
      choices: { text: [`up ${i}`, `down ${i}`], label: ['A', 'B'] },
      answerKey: letters[odd(i)],
      para: `when ${i}`,
    }),
    text: (i) => `Passage:\nwhen ${i}\n\nQ: "more ${i}?" Is the answer "CANDIDATE"?`,
    right: (i) => (odd(i) ? `down ${i}` : `up ${i}`),
    wrong: (i) => [odd(i) ? `up ${i}` : `down ${i}`],
  },
  'social-i-qa': {
    row: (i) => ({
      context: `she ${i}`,
      question: 'why?',
      answerA: `a${i}`,
      answerB: `b${i}`,
      answerC: `c${i}`,
      label: String((i % 3) + 1),
    }),
    text: (i) =>
      `Context:\nshe ${i}\n\nQuestion: "why?"\n\nChoices:\na${i}\nb${i}\nc${i}\n\nIs the answer "CANDIDATE"?`,
    right: (i) => ['a', 'b', 'c'][i % 3]! + String(i),
    wrong: (i) => ['a', 'b', 'c'].filter((_, k) => k !== i % 3).map((letter) => letter + String(i)),
  },
  dream: {
    row: (i) => ({
      id: i,
      dialogue_id: 'd',
      dialogue: [`M: hi ${i}`, 'W: hello'],
      question: 'who?',
      choice: [`a${i}`, `b${i}`, `c${i}`],
      answer: `b${i}`,
    }),
    text: (i) => `M: hi ${i}\nW: hello\n\nQ: who? A: CANDIDATE`,
    right: (i) => `b${i}`,
    wrong: (i) => [`a${i}`, `c${i}`],
  },
  boolq: {
    row: (i) => ({ question: `is it ${i}`, answer: odd(i) === 1, passage: `It is ${i}.` }),
    text: (i) => `Passage: It is ${i}.\nQuestion: is it ${i}`,
    label: noYes,
  },
  'amazon-polarity': {
    row: (i) => ({ label: odd(i), title: `Title ${i}`, content: 'content' }),
    text: (i) => `Title ${i} content`,
    label: (i) => (odd(i) ? 'positive' : 'negative'),
  },
  sst2: {
    row: (i) => ({ idx: i, sentence: `film ${i} `, label: odd(i) }),
    text: (i) => `film ${i}`,
    label: (i) => (odd(i) ? 'positive' : 'negative'),
  },
  cola: {
    row: (i) => ({ sentence: `they ${i}.`, label: odd(i), idx: i }),
    text: (i) => `they ${i}.`,
    label: noYes,
  },
  paws: {
    row: (i) => ({ id: i, sentence1: `one ${i}`, sentence2: `two ${i}`, label: odd(i) }),
    text: (i) => `Sent 1: one ${i}\nSent 2: two ${i}\n\nQ: Are these sentences semantically equivalent?`,
    label: noYes,
  },
  'anli-r2': {
    row: (i) => ({
      uid: `x${i}`,
      premise: `if ${i}`,
      hypothesis: 'then',
      label: odd(i) ? 0 : (i % 4) / 2 + 1,
      reason: '',
    }),
    text: (i) => `Premise: if ${i}\nHypothesis: then\n\nDoes the premise entail the hypothesis?`,
    label: noYes,
  },
  wic: {
    row: (i) => ({
      word: 'bank',
      sentence1: `one ${i}`,
      sentence2: 'two',
      start1: 0,
      start2: 0,
      end1: 4,
      end2: 4,
      idx: i,
      label: odd(i),
    }),
    text: (i) =>
      `Sentence 1:\none ${i}\n\nSentence 2:\ntwo\n\nQ: Does "bank" have the same meaning in the above sentences?`,
    label: noYes,
  },
  multirc: {
    row: (i) => ({
      paragraph: `text ${i}`,
      question: 'who?',
      answer: 'he',
      idx: { paragraph: 0, question: 0, answer: i },
      label: odd(i),
    }),
    text: (i) => `Passage:\n\ntext ${i}\n\nQ: "who?" Is the answer "he"?`,
    label: noYes,
  },
  'mc-taco': {
    row: (i) => ({
      sentence: `He ran ${i}.`,
      question: 'How long?',
      answer: 'an hour',
      label: odd(i),
      category: 0,
    }),
    text: (i) => `He ran ${i}.\n\nGiven the above, How long? Is the answer an hour?`,
    label: noYes,
  },
  'ethics-deontology': {
    row: (i) => ({ label: odd(i), scenario: `Do ${i}?`, excuse: 'No.' }),
    text: (i) => `Q: Is the following a morally valid excuse?\n\nDo ${i}?\n\nNo.\n\nA:`,
    label: noYes,
  },
  'ethics-justice': {
    row: (i) => ({ label: odd(i), scenario: `I gave ${i}` }),
    text: (i) => `Q: Does this statement exemplify justice?\n\nI gave ${i}\n\nA:`,
    label: noYes,
  },
  'ethics-virtue': {
    row: (i) => ({ label: odd(i), scenario: `He ran ${i} [SEP] brave` }),
    text: (i) => `Q: Does this behavior match the adjective that follows?\n\nHe ran ${i} [SEP] brave\n\nA:`,
    label: noYes,
  },
};
