/** @file docs/methods.md, written from the registry of methods and controls. */
import { format, resolveConfig } from 'prettier';
import { type AnswerKind, answerKinds } from '../../datasets/task.js';
import { defaultText, type ParameterRow } from '../../spec/parameter-rows.js';
import { controls, methods } from '../definition/registry.js';
import {
  describeMethod,
  families,
  type Family,
  type MethodDescription,
} from '../documentation/description.js';

const introduction = `# Methods and controls

Every way of learning from weak labels that a sweep can name, and what each has to be compared with. This page is
written from the methods themselves (\`npx vitest run methods/documentation/page.test.ts -u\`); \`temper methods\` and
\`temper methods NAME\` show the same on the command line, and [extending.md](extending.md) how to add one.

    methods:
      - naive                                  # its defaults
      - confidence: { alpha: [0.5, 0.75] }     # a list is one trial each
    controls: standard                         # the controls that are marked so below; or a list of names, or none

**The setting.** A weak supervisor is trained on the ground truth of split A and labels split B. The strong model,
pretrained and never shown any truth of B, is trained on those labels and measured on the test split. PGR, the
performance gap recovered, is \`(student − weak) / (ceiling − weak)\`, the ceiling being the strong model trained on B's
ground truth. A method says which stages lie between the weak labels and the student; it asks for them of a cell that
has no truth to give. Controls may ask for truth: that is all that sets them apart.

**Symbols.** \`y\` is the label of an item, a distribution over its choices \`c\` (\`soft\`: all of it; \`hard\`: 1 for its
likeliest choice); \`z\` are the student's logits and \`p = softmax(z)\`; \`s\` is step / steps of the training, from 0. Where a formula says that
something is held fixed, no gradient flows through it.

**Losses.** Each gives one number an item; what is minimised is their mean over the whole logical batch, weighted by the
labels' weights where label work gave any (normalised to mean 1 over what is trained on). On preference pairs the
scores of a reward model are the logits of a choice between two, so that every loss over choices trains one. Every loss
over choices is compared with an independent one in PyTorch (\`methods/fixtures/losses.py\`), values and gradients to 1e-6, on
random batches and on those where losses break: one class only, \`p\` or \`y\` of exactly 0 or 1, ties at the quantile, a
batch of one, rows that weigh nothing, more than two classes; and its gradient with central differences
(\`methods/losses.test.ts\`).

**Compatibility.** Where released code differs from its paper, or is wrong, the defaults here are what was meant, and
\`compatibility: …\` gives what was released. _Left behind_ names such places method by method. Of earlier systems as a
whole, this is left behind:

- Names that collide: openai/weak-to-strong calls results by initials of settings, so that \`loss\` and \`lr\` are one key, and
  tells weak supervisors apart by their size alone (\`train_simple.py:125-141,259-262\`); EleutherAI/w2s shares a folder
  among all models, rates and amounts of data. A stage's key here is a hash over everything that it depends on.
- Runs that cannot go on: openai/weak-to-strong, asked again, measures a head of zeros, as the saved weights are loaded after the
  model is built (\`weak_to_strong/train.py:205-229\`); EleutherAI/w2s skips a stage whose predictions were never written
  (\`w2s/sft.py:226,272-294\`). Here an artifact is there as a whole or not at all, and a training goes on from its last checkpoint to the same bytes.
- Failures that end everything, or nothing: the first one ends openai's sweep (\`sweep.py:23\`), w2s-refinement ignores exit codes and keeps
  failed answers as \`None\`. Here the trial says why it failed, and the sweep goes on.
- Ground truth beside the data: all of them have it in the process that trains on weak labels. Here it is an artifact of its own,
  which only the stages that need it are given, and tests replace it by noise and compare bytes.
- One seed, or seeds without intervals; a gap of a single run as the denominator. Here baselines are averaged over seeds and PGR has an interval.
- Texts that stand in two splits, with labels that contradict each other (181 prompts of the safety data). Here duplicates are settled before anything is split.
- AUROC that depends on the order of ties (EleutherAI/w2s, \`w2s/roc_auc.py\`); of preference pairs one response shown alone (openai/weak-to-strong, issue 34).
`;

const row = (...cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: string[], rows: string[][]) => [
  row(...head),
  row(...head.map(() => '---')),
  ...rows.map((cells) => row(...cells)),
  '',
];

/** The page, as prettier leaves it. */
export async function methodsPage(): Promise<string> {
  const entries = [...Object.values(methods), ...Object.values(controls)].map(describeMethod);
  const inFamily = (family: Family) => entries.filter((entry) => entry.family === family);
  const order = Object.keys(families) as Family[];
  const lines = [
    introduction,
    '## Which works on what',
    '',
    'By how the items of a task are answered; _if_: under the conditions that are said there.',
    '',
    ...table(
      ['', ...answerKinds],
      order
        .flatMap(inFamily)
        .map((entry) => [
          `[${entry.name}](#${entry.name})`,
          ...answerKinds.map((kind) => standing(entry, kind)),
        ]),
    ),
    ...order.flatMap((family) => [`## ${families[family]}`, '', ...inFamily(family).flatMap(section)]),
  ];
  const options = await resolveConfig(import.meta.filename);
  return format(lines.join('\n'), { ...options, parser: 'markdown' });
}

function standing({ answers, asItIs }: MethodDescription, kind: AnswerKind): string {
  if (!answers.includes(kind)) return '';
  return asItIs.includes(kind) ? 'yes' : '_if_';
}

function section(entry: MethodDescription): string[] {
  const {
    name,
    summary,
    formula,
    source,
    answers,
    needs,
    trains,
    parameters,
    stages,
    leavesBehind,
    standard,
  } = entry;
  const everywhere = answers.length === answerKinds.length;
  return [
    `### ${name}`,
    '',
    summary,
    '',
    ...(formula === undefined ? [] : [`**What it computes.** ${formula}`, '']),
    `**Source.** ${source}.`,
    '',
    `**Works on** ${everywhere ? 'every task' : `tasks answered by ${answers.join(', ')}`}.` +
      (needs.length === 0 ? '' : ` **Needs** ${needs.join('; ')}.`) +
      ` **Trains** ${trains}.`,
    '',
    ...(standard === undefined ? [] : [standardText(entry), '']),
    ...(parameters.length === 0 ? ['No parameters.', ''] : parameterTable(parameters)),
    `**Stages**${parameters.length === 0 ? '' : ', with its defaults'}:`,
    '',
    ...stages.map((stage, index) => `${index + 1}. ${stage}`),
    '',
    ...(leavesBehind.length === 0
      ? []
      : ['**Left behind:**', '', ...leavesBehind.map((bug) => `- ${bug}`), '']),
  ];
}

function standardText({ name, standard = [] }: MethodDescription): string {
  if (standard.length === 0) return 'Not part of `controls: standard`: ask for it by name.';
  const choices = standard.map((choice) =>
    Object.keys(choice).length === 0 ? name : `${name}: ${JSON.stringify(choice)}`,
  );
  return `Part of \`controls: standard\`, as ${choices.map((choice) => `\`${choice}\``).join(' and ')}.`;
}

const parameterTable = (parameters: readonly ParameterRow[]): string[] =>
  table(
    ['parameter', 'default', 'values', 'meaning'],
    parameters.map((parameter) => [
      `\`${parameter.name}\``,
      defaultText(parameter),
      parameter.values,
      parameter.meaning,
    ]),
  );
