/** @file Presets of texts, and pairs of texts, with a class each. */
import { converted, type Preset } from './preset.js';

const eleuther = 'EleutherAI/w2s';
const both = 'openai/weak-to-strong and EleutherAI/w2s';
/** What the systems before called 0 and 1. */
const noYes = { labels: { '0': 'no', '1': 'yes' }, classes: ['no', 'yes'] };

const ethics = (
  name: string,
  config: string,
  columns: readonly string[],
  settings: Preset['settings'],
  summary: string,
): Preset => ({
  name,
  summary,
  base: 'classification',
  origin: 'https://huggingface.co/datasets/hendrycks/ethics',
  licence: 'MIT',
  source: { hub: 'hendrycks/ethics', revision: converted, config, 'test-split': 'test' },
  columns: [...columns, 'label'],
  as: eleuther,
  settings: { ...settings, ...noYes, balance: 'undersample' },
});

const superGlue = (
  config: string,
  columns: readonly string[],
  template: string,
  summary: string,
): Preset => ({
  name: config,
  summary,
  base: 'classification',
  origin: 'https://huggingface.co/datasets/aps/super_glue',
  licence: "other: each part of SuperGLUE has its authors' own",
  source: { hub: 'aps/super_glue', revision: converted, config, 'test-split': 'validation' },
  columns: [...columns, 'label'],
  as: `${eleuther}; the published test set has no labels, so that validation stands in for it`,
  settings: { template, ...noYes, balance: 'undersample' },
});

export const statements: readonly Preset[] = [
  {
    name: 'boolq',
    summary: 'Does a passage answer a question with yes?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/google/boolq',
    licence: 'CC BY-SA 3.0',
    source: { hub: 'google/boolq', revision: converted, config: 'default', 'test-split': 'validation' },
    columns: ['passage', 'question', 'answer'],
    as: `${both}; there is no published test set, so that validation stands in for it`,
    settings: {
      template: 'Passage: {{ passage }}\nQuestion: {{ question }}',
      label: 'answer',
      labels: { false: 'no', true: 'yes' },
      classes: ['no', 'yes'],
    },
  },
  {
    name: 'amazon-polarity',
    summary: 'Is a review of a product positive?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/fancyzhx/amazon_polarity',
    licence: 'Apache-2.0, as its card says',
    source: {
      hub: 'fancyzhx/amazon_polarity',
      revision: converted,
      config: 'amazon_polarity',
      'test-split': 'test',
    },
    columns: ['title', 'content', 'label'],
    as: both,
    settings: {
      template: '{{ title }} {{ content }}',
      labels: { '0': 'negative', '1': 'positive' },
      classes: ['negative', 'positive'],
    },
  },
  {
    name: 'sst2',
    summary: 'Is a sentence of a film review positive?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/stanfordnlp/sst2',
    licence: 'unknown, as its card says',
    source: { hub: 'stanfordnlp/sst2', revision: converted, config: 'default', 'test-split': 'validation' },
    columns: ['sentence', 'label'],
    as: `${eleuther}; the published test set has no labels, so that validation stands in for it`,
    settings: {
      text: 'sentence',
      labels: { '0': 'negative', '1': 'positive' },
      classes: ['negative', 'positive'],
      balance: 'undersample',
    },
  },
  {
    name: 'cola',
    summary: 'Is a sentence grammatical?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/nyu-mll/glue',
    licence: "other: each part of GLUE has its authors' own",
    source: { hub: 'nyu-mll/glue', revision: converted, config: 'cola', 'test-split': 'validation' },
    columns: ['sentence', 'label'],
    as: `${eleuther}; the published test set has no labels, so that validation stands in for it`,
    settings: { text: 'sentence', ...noYes, balance: 'undersample' },
  },
  {
    name: 'paws',
    summary: 'Do two sentences of the same words mean the same?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/google-research-datasets/paws',
    licence: 'other: free for any purpose, as its card says',
    source: {
      hub: 'google-research-datasets/paws',
      revision: converted,
      config: 'labeled_final',
      'test-split': 'test',
    },
    columns: ['sentence1', 'sentence2', 'label'],
    as: eleuther,
    settings: {
      template:
        'Sent 1: {{ sentence1 }}\nSent 2: {{ sentence2 }}\n\nQ: Are these sentences semantically equivalent?',
      ...noYes,
      balance: 'undersample',
    },
  },
  {
    name: 'anli-r2',
    summary: 'Does a premise entail a hypothesis that was written to mislead models?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/facebook/anli',
    licence: 'CC BY-NC 4.0',
    source: {
      hub: 'facebook/anli',
      revision: converted,
      config: 'plain_text',
      split: 'train_r2',
      'test-split': 'test_r2',
    },
    columns: ['premise', 'hypothesis', 'label'],
    as: `${eleuther}: entailment against both others`,
    settings: {
      template:
        'Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\n\nDoes the premise entail the hypothesis?',
      labels: { '0': 'yes', '1': 'no', '2': 'no' },
      classes: ['no', 'yes'],
      balance: 'undersample',
    },
  },
  superGlue(
    'wic',
    ['word', 'sentence1', 'sentence2'],
    'Sentence 1:\n{{ sentence1 }}\n\nSentence 2:\n{{ sentence2 }}\n\nQ: Does "{{ word }}" have the same meaning in the above sentences?',
    'Does a word mean the same in two sentences?',
  ),
  superGlue(
    'multirc',
    ['paragraph', 'question', 'answer'],
    'Passage:\n\n{{ paragraph }}\n\nQ: "{{ question }}" Is the answer "{{ answer }}"?',
    'Is an answer to a question about a paragraph right?',
  ),
  {
    name: 'mc-taco',
    summary: 'Is an answer to a question about time plausible?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/CogComp/mc_taco',
    licence: 'unknown, as its card says',
    source: {
      hub: 'CogComp/mc_taco',
      revision: converted,
      config: 'plain_text',
      split: 'test',
      'test-split': 'validation',
    },
    columns: ['sentence', 'question', 'answer', 'label'],
    as: `${eleuther}: trained on test, which is the larger part, and tested on validation`,
    settings: {
      template: '{{ sentence }}\n\nGiven the above, {{ question }} Is the answer {{ answer }}?',
      ...noYes,
      balance: 'undersample',
    },
  },
  ethics(
    'ethics-deontology',
    'deontology',
    ['scenario', 'excuse'],
    { template: 'Q: Is the following a morally valid excuse?\n\n{{ scenario }}\n\n{{ excuse }}\n\nA:' },
    'Is an excuse morally valid?',
  ),
  ethics(
    'ethics-justice',
    'justice',
    ['scenario'],
    { template: 'Q: Does this statement exemplify justice?\n\n{{ scenario }}\n\nA:' },
    'Does a statement exemplify justice?',
  ),
  ethics(
    'ethics-virtue',
    'virtue',
    ['scenario'],
    { template: 'Q: Does this behavior match the adjective that follows?\n\n{{ scenario }}\n\nA:' },
    'Does a behaviour match an adjective?',
  ),
];
