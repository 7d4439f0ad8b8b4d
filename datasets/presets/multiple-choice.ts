/** @file Presets of multiple choice: one candidate answer a row, right or wrong at even odds, as both earlier systems do. */
import { converted, type Preset } from './preset.js';

const eleuther = 'EleutherAI/w2s';
const noTest = `${eleuther}; the published test set has no labels, so that validation stands in for it`;

const sciqAnswers = {
  answers: ['correct_answer', 'distractor1', 'distractor2', 'distractor3'],
  right: 'correct_answer',
  by: 'text',
};
const sciq = {
  base: 'classification',
  origin: 'https://huggingface.co/datasets/allenai/sciq',
  licence: 'CC BY-NC 3.0',
  source: { hub: 'allenai/sciq', revision: converted, config: 'default', 'test-split': 'test' },
} as const;

export const multipleChoice: readonly Preset[] = [
  {
    name: 'sciq',
    summary: 'Is an answer to a science question right?',
    ...sciq,
    columns: ['question', ...sciqAnswers.answers],
    as: `openai/weak-to-strong; ${eleuther} draws its test set from all splits together`,
    settings: { template: 'Q: {{ question }} A: {{ candidate }}', candidates: sciqAnswers },
  },
  {
    name: 'sciq-with-support',
    summary: 'Is an answer to a science question right, given a passage?',
    ...sciq,
    columns: ['question', 'support', ...sciqAnswers.answers],
    as: eleuther,
    settings: {
      template:
        'Name: Bob\n\nPassage 1:\n{{ support }}\n\nQ1: "{{ question }}" Is the answer "{{ candidate }}"?',
      candidates: sciqAnswers,
    },
  },
  {
    name: 'cosmos-qa',
    summary: 'Is an answer to a question about a story right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/allenai/cosmos_qa',
    licence: 'CC BY 4.0',
    source: { hub: 'allenai/cosmos_qa', revision: converted, config: 'default', 'test-split': 'validation' },
    columns: ['context', 'question', 'answer0', 'answer1', 'answer2', 'answer3', 'label'],
    as: `openai/weak-to-strong and ${noTest}`,
    settings: {
      template: 'Context: {{ context }}\nQuestion: {{ question }}\nAnswer: {{ candidate }}',
      candidates: {
        answers: ['answer0', 'answer1', 'answer2', 'answer3'],
        right: 'label',
        never: ['None of the above choices .'],
      },
    },
  },
  {
    name: 'openbookqa',
    summary: 'Is an answer to a question of elementary science right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/allenai/openbookqa',
    licence: 'unknown, as its card says',
    source: { hub: 'allenai/openbookqa', revision: converted, config: 'main', 'test-split': 'test' },
    columns: ['question_stem', 'choices', 'answerKey'],
    as: eleuther,
    settings: {
      template:
        'Q: {{ question_stem }}\n\nChoices:\n{% for text in choices.text %}{{ choices.label[loop.index0] }}) {{ text }}\n{% endfor %}\n\nAnswer: {{ candidate }}',
      candidates: { answers: ['choices.text'], right: 'answerKey', by: 'name', names: 'choices.label' },
    },
    leavesBehind: [
      'EleutherAI/w2s shows the letter of the right answer and the text of a wrong one (w2s/ds_registry.py, ' +
        'format_openbookqa), so that the form tells the class; here both are texts.',
    ],
  },
  {
    name: 'piqa',
    summary: 'Does a solution reach a goal in the physical world?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/ybisk/piqa',
    licence: 'unknown, as its card says',
    source: { hub: 'ybisk/piqa', revision: converted, config: 'plain_text', 'test-split': 'validation' },
    columns: ['goal', 'sol1', 'sol2', 'label'],
    as: noTest,
    settings: {
      template: 'Q: {{ goal }} A: {{ candidate }}',
      candidates: { answers: ['sol1', 'sol2'], right: 'label' },
    },
  },
  {
    name: 'hellaswag',
    summary: 'Is a continuation of a text the best one?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/Rowan/hellaswag',
    licence: 'MIT, as its repository (rowanz/hellaswag) says',
    source: { hub: 'Rowan/hellaswag', revision: converted, config: 'default', 'test-split': 'validation' },
    columns: ['ctx', 'endings', 'label'],
    as: noTest,
    settings: {
      template:
        'Context:\n{{ ctx }}\n\nContinuations:\n\n{{ endings | join("\n") }}\n\nQ: Is "{{ candidate }}" the best continuation?',
      candidates: { answers: ['endings'], right: 'label' },
    },
  },
  {
    name: 'quail',
    summary: 'Is an answer to a question about a text right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/textmachinelab/quail',
    licence: 'CC BY-NC-SA 4.0',
    source: { hub: 'textmachinelab/quail', revision: converted, config: 'quail', 'test-split': 'validation' },
    columns: ['context', 'question', 'answers', 'correct_answer_id'],
    as: `${eleuther}, tested on validation`,
    settings: {
      template: 'Passage:\n\n{{ context }}\n\nQ: "{{ question }}" Is the answer "{{ candidate }}"?',
      candidates: { answers: ['answers'], right: 'correct_answer_id' },
    },
  },
  {
    name: 'quartz',
    summary: 'Is an answer to a question about how things depend on each other right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/allenai/quartz',
    licence: 'CC BY 4.0',
    source: { hub: 'allenai/quartz', revision: converted, config: 'default', 'test-split': 'test' },
    columns: ['para', 'question', 'choices', 'answerKey'],
    as: eleuther,
    settings: {
      template: 'Passage:\n{{ para }}\n\nQ: "{{ question }}" Is the answer "{{ candidate }}"?',
      candidates: { answers: ['choices.text'], right: 'answerKey', by: 'name', names: 'choices.label' },
    },
  },
  {
    name: 'social-i-qa',
    summary: 'Is an answer about why people do what they do right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/allenai/social_i_qa',
    licence: 'unknown, as its card says',
    source: {
      hub: 'allenai/social_i_qa',
      revision: converted,
      config: 'default',
      'test-split': 'validation',
    },
    columns: ['context', 'question', 'answerA', 'answerB', 'answerC', 'label'],
    as: noTest,
    settings: {
      template:
        'Context:\n{{ context }}\n\nQuestion: "{{ question }}"\n\nChoices:\n{{ answerA }}\n{{ answerB }}\n{{ answerC }}\n\nIs the answer "{{ candidate }}"?',
      candidates: { answers: ['answerA', 'answerB', 'answerC'], right: 'label', first: 1 },
    },
  },
  {
    name: 'dream',
    summary: 'Is an answer to a question about a dialogue right?',
    base: 'classification',
    origin: 'https://huggingface.co/datasets/dataset-org/dream',
    licence: 'unknown, as its card says; its authors allow non-commercial research',
    source: { hub: 'dataset-org/dream', revision: converted, config: 'plain_text', 'test-split': 'test' },
    columns: ['dialogue', 'question', 'choice', 'answer'],
    as: eleuther,
    settings: {
      template: '{{ dialogue | join("\n") }}\n\nQ: {{ question }} A: {{ candidate }}',
      candidates: { answers: ['choice'], right: 'answer', by: 'text' },
    },
  },
];
