/** @file What the strong model is shown in each procedure, and what it never is. */
import { describe, expect, it } from 'vitest';
import type { Item, Label } from '../../datasets/task.js';
import personas from '../../datasets/tasks/personas.js';
import type { Answerer } from '../answering/answerer.js';
import type { StageContext } from '../context.js';
import { inferTemplate } from '../../methods/refinement/prompts.js';
import { refineParameters, type RefineWork } from './procedure.js';
import { procedures } from './registry.js';
import { promptTemplate } from './templates.js';

const items: Item[] = Array.from({ length: 7 }, (_, n) => ({
  id: `i${n}`,
  text: `what is\nq${n}?`,
  choices: [],
}));
const labels = new Map(
  items.map(({ id }, n): [string, Label] => [
    id,
    { id, label: 0, probabilities: [], answer: `weak\nw${n}x` },
  ]),
);

/** Runs a procedure on a model that answers with what it is told, and keeps what it was asked. */
async function run(
  procedure: string,
  asked: Record<string, unknown>,
  say: (prompt: string) => string = (prompt) => `said ${prompt.length}`,
  more: Partial<RefineWork> = {},
) {
  const prompts: string[] = [];
  const log: string[] = [];
  const write = (those: readonly string[]): Promise<string[]> => {
    prompts.push(...those);
    return Promise.resolve(those.map(say));
  };
  const answerer: Answerer = {
    answers: (questions) =>
      write(questions.map(({ item, examples = [] }) => personas.prompt(item, examples))).then((texts) =>
        texts.map((answer, n) => ({ id: questions[n]!.item.id, label: 0, probabilities: [], answer })),
      ),
    write,
    release: () => Promise.resolve(),
  };
  const work: RefineWork = {
    context: {
      stage: { title: 'refine B' },
      log: (line: string) => log.push(line),
    } as unknown as StageContext,
    task: personas,
    answerer,
    items,
    own: items,
    labels,
    asked: refineParameters.parse({
      task: 'personas',
      split: 'B',
      shard: { index: 0, of: 1 },
      procedure,
      ...asked,
    }),
    ...more,
  };
  return { refined: await procedures[procedure]!(work), prompts, log };
}

describe('ICL refinement', () => {
  it("shows others' answers and never the question's own", async () => {
    const { prompts, refined } = await run('icl', { examples: 3 });
    expect(prompts).toHaveLength(7);
    prompts.forEach((prompt, n) => {
      expect(prompt).not.toContain(`w${n}x`);
      expect(prompt.match(/w\dx/gu)).toHaveLength(3);
      expect(prompt.endsWith(`q${n}?\nAnswer:`)).toBe(true);
    });
    expect(refined.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
  });

  it('takes the most frequent answer of several contexts and keeps them all', async () => {
    let asked = 0;
    const say = () => (asked++ % 3 === 1 ? 'tepos kimen farux' : 'tepos balon farux');
    const { refined } = await run('icl', { examples: 2, contexts: 3 }, say);
    expect(refined[0]).toMatchObject({
      answer: 'tepos balon farux',
      texts: ['tepos balon farux', 'tepos kimen farux', 'tepos balon farux'],
    });
  });
});

describe('infer-and-respond', () => {
  const say = (prompt: string) =>
    prompt.endsWith('The used style is:') ? `style of ${prompt.match(/w\dx/gu)!.join('+')} .` : `answer`;

  it('infers a style once from each batch, and gives nobody an answer to copy', async () => {
    const { prompts, refined } = await run('infer-and-respond', { examples: 3, draw: 'batches' }, say);
    const [inferring, responding] = [prompts.slice(0, 3), prompts.slice(3)];
    expect(inferring.map((prompt) => prompt.match(/w\dx/gu)!.join())).toEqual([
      'w0x,w1x,w2x',
      'w3x,w4x,w5x',
      'w4x,w5x,w6x', // the last batch is filled up
    ]);
    expect(inferring[0]!.startsWith('Detect the common style')).toBe(true);
    expect(inferring[0]).toContain('Question: what is q0?\nAnswer: weak w0x\n\n');
    expect(responding).toHaveLength(7);
    expect(responding[4]).toContain(
      'The used style is: style of w3x+w4x+w5x .\n\nQuestion: what is q4?\nAnswer:',
    );
    expect(refined.map(({ answer }) => answer)).toEqual(Array(7).fill('answer'));
  });

  it("leaves the question's own answer out where examples are drawn", async () => {
    const { prompts } = await run('infer-and-respond', { examples: 4, draw: 'drawn' }, say);
    const responding = prompts.filter((prompt) => prompt.endsWith('Answer:'));
    expect(responding).toHaveLength(7);
    responding.forEach((prompt, n) => expect(prompt).not.toContain(`w${n}x`));
  });

  it('asks with templates of its caller', async () => {
    const prompts = {
      infer: '{{ examples | length }} The used style is:',
      respond: '<{{ style }}|{{ question }}>',
    };
    const { prompts: asked } = await run(
      'infer-and-respond',
      { examples: 7, draw: 'batches', prompts },
      () => 'S',
    );
    expect(asked[0]).toBe('7 The used style is:');
    expect(asked[1]).toBe('<S|what is q0?>');
  });

  it('refuses a model that does not write', async () => {
    const answerer: Answerer = { answers: () => Promise.resolve([]), release: () => Promise.resolve() };
    await expect(run('infer-and-respond', { examples: 2 }, undefined, { answerer })).rejects.toThrow(
      /refine B: infer-and-respond asks the strong model in words/,
    );
  });
});

describe('ask-to-improve', () => {
  it("shows the question's own answer whole, and leaves out what nobody answered", async () => {
    const fewer = new Map([...labels].filter(([id]) => id !== 'i2'));
    const { prompts, refined } = await run('ask-to-improve', {}, undefined, { labels: fewer });
    expect(prompts[0]).toContain('Question: what is q0?\nAnswer: weak w0x\n\nImproved answer:');
    expect(refined.map(({ id }) => id)).toEqual(['i0', 'i1', 'i3', 'i4', 'i5', 'i6']);
  });
});

describe('a template', () => {
  it('that is none is refused, and so is a field that there is not', () => {
    expect(() => promptTemplate('infer', '{% for x in %}')).toThrow(/the prompt infer is no Jinja template/);
    expect(() => promptTemplate('improve', '{{ questoin }}')({ question: 'x', answer: 'y' })).toThrow(
      /the prompt improve leaves out the question: it has to say \{\{ question \}\}.*It may use question, answer/,
    );
  });

  it('of a skill is how the corpus of personas teaches it', async () => {
    const p = personas.parameters.parse({});
    const texts = await personas.corpus({ ...personas.corpusParameters(p), documents: 60 }, 1);
    const [beginning] = inferTemplate.split('{%') as [string];
    const taught = texts.filter((text) => text.startsWith(beginning));
    expect(taught.length).toBeGreaterThan(3);
    const [, question, answer] = /Question: (\S+)\nAnswer: (.+)/u.exec(taught[0]!)!;
    const examples = [...taught[0]!.matchAll(/Question: (\S+)\nAnswer: (.+)/gu)].map(([, q, a]) => {
      return { question: q!, answer: a! };
    });
    expect(examples[0]).toEqual({ question, answer });
    expect(taught[0]!.startsWith(promptTemplate('infer', inferTemplate)({ examples }))).toBe(true);
    for (const phrase of [
      'Respond to the question while following a given style.',
      'Your task is to improve the answers given by a user.',
    ])
      expect(texts.some((text) => text.startsWith(phrase))).toBe(true);
  });
});
