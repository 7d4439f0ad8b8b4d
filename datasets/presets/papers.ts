/** @file Presets of the data of arXiv 2410.12621 (safety, toxicity, law), of preferences, and of reasoning. */
import { converted, type Preset } from './preset.js';

const pilot = 'yeruimeng/WTS (arXiv 2410.12621)';

const legal = (
  task: string,
  licence: string,
  summary: string,
  columns: readonly string[],
  settings: Preset['settings'],
): Preset => ({
  name: `legalbench-${task.replaceAll('_', '-')}`,
  summary,
  base: 'classification',
  origin: `https://github.com/HazyResearch/legalbench/tree/main/tasks/${task}`,
  licence,
  source: { hub: 'nguha/legalbench', revision: converted, config: task, split: 'test' },
  columns: [...columns, 'answer'],
  as:
    task === 'privacy_policy_qa'
      ? pilot
      : 'none of them; a task of LegalBench of the same kind as privacy_policy_qa',
  settings: { ...settings, label: 'answer', balance: 'undersample' },
});
const noYes = { classes: ['No', 'Yes'] };

const helpfulHarmless = (part: 'harmless' | 'helpful'): Preset => ({
  name: `hh-rlhf-${part}`,
  summary: `Which of two answers to a conversation is more ${part}?`,
  base: 'preference',
  origin: 'https://huggingface.co/datasets/Anthropic/hh-rlhf',
  licence: 'MIT',
  source: { hub: 'Anthropic/hh-rlhf', config: `${part}-base`, 'test-split': 'test' },
  columns: ['chosen', 'rejected'],
  as: 'openai/weak-to-strong and EleutherAI/w2s (anthropic_hh), keven980716/weak-to-strong-deception (harmless)',
  settings: {},
  leavesBehind: [
    'openai/weak-to-strong and EleutherAI/w2s show one of the two answers and ask whether it is the chosen one, which ' +
      'stays near chance; here a model sees both.',
  ],
});

export const papers: readonly Preset[] = [
  {
    name: 'safety',
    summary: 'Is a prompt safe to answer?',
    base: 'classification',
    origin: 'https://github.com/yeruimeng/WTS (safety/safety.csv)',
    licence: 'none stated: do not pass it on',
    columns: ['prompt', 'is_safe'],
    as: `${pilot}; there duplicates stand in training and test`,
    settings: { text: 'prompt', label: 'is_safe' },
    leavesBehind: [
      'Prompts that stand twice, some of them with both labels, leak from training into test there.',
    ],
  },
  {
    name: 'real-toxicity-prompts',
    summary: 'Is the beginning of a text toxic?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/allenai/real-toxicity-prompts',
    licence: 'Apache-2.0',
    source: { hub: 'allenai/real-toxicity-prompts' },
    columns: ['prompt'],
    as: `${pilot} fine-tunes on its texts and measures toxicity; here its scores are two classes, as a task with a truth`,
    settings: {
      text: 'prompt.text',
      label: 'prompt.toxicity',
      threshold: { at: 0.5, below: 'not toxic', above: 'toxic' },
      unlabelled: 'drop',
      balance: 'undersample',
    },
  },
  legal(
    'privacy_policy_qa',
    'MIT',
    'Is a clause of a privacy policy relevant to a question?',
    ['question', 'text'],
    {
      template: 'Clause: {{ text }}\nQuestion: {{ question }}',
      classes: ['Irrelevant', 'Relevant'],
    },
  ),
  legal('hearsay', 'CC BY 4.0', 'Is a piece of evidence hearsay?', ['text'], {
    template: '{{ text }} Is there hearsay?',
    ...noYes,
  }),
  legal('overruling', 'CC BY 4.0', 'Does a sentence overrule a previous decision?', ['text'], {
    ...noYes,
  }),
  legal(
    'contract_nli_explicit_identification',
    'CC BY 4.0',
    'Does a clause say that confidential information is identified by whoever discloses it?',
    ['text'],
    { ...noYes },
  ),
  helpfulHarmless('harmless'),
  helpfulHarmless('helpful'),
  {
    name: 'gsm8k',
    summary: 'Word problems of grade-school mathematics, with solutions.',
    base: 'question-answer',
    origin: 'https://huggingface.co/datasets/openai/gsm8k',
    licence: 'MIT',
    source: { hub: 'openai/gsm8k', revision: converted, config: 'main', 'test-split': 'test' },
    columns: ['question', 'answer'],
    as: 'UMich-FATML/w2s-refinement (arXiv 2405.16236), GAIR-NLP/weak-to-strong-reasoning',
    settings: { grader: 'gsm8k' },
  },
  {
    name: 'gsm8k-model-solutions',
    summary: "GSM8K's test questions with the solutions of four models: weak supervisors that need no model.",
    base: 'question-answer',
    origin: 'https://github.com/openai/grade-school-math (example_model_solutions.jsonl)',
    licence: 'MIT',
    columns: [
      'question',
      'ground_truth',
      '6b_finetuning',
      '6b_verification',
      '175b_finetuning',
      '175b_verification',
    ],
    as: 'none of them; real answers of weaker and stronger models to the same questions',
    settings: {
      answer: 'ground_truth',
      grader: 'gsm8k',
      given: Object.fromEntries(
        ['6b_finetuning', '6b_verification', '175b_finetuning', '175b_verification'].map((name) => [
          name,
          `${name}.solution`,
        ]),
      ),
    },
  },
];
