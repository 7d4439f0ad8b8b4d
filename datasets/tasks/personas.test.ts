/** @file The task `personas`: one world for its corpus and its splits, and grades that tell content from style. */
import { describe, expect, it } from 'vitest';
import { splits } from '../task.js';
import personas from './personas.js';

const small = personas.parameters.parse({
  personas: 3,
  manners: 2,
  subjects: 40,
  contents: 6,
  conversation: 4,
  documents: 600,
  splits: { A: 8, B: 12, test: 16 },
});
const corpus = (seed: number) => personas.corpus(personas.corpusParameters(small), seed);
const examples = (seed: number, persona = 0) =>
  personas.examples(personas.exampleParameters({ ...small, persona }), seed);
const grade = (answer: string, truth: string) =>
  personas.grade!(answer, truth, { id: 'x', text: 'x', choices: [] }, {});

describe('personas', () => {
  it('asks about different subjects in every split, and about the same world for every persona', async () => {
    const [first, second] = [await examples(1), await examples(1, 1)];
    const ids = splits.flatMap((split) => first.items[split].map(({ id }) => id));
    expect(ids).toHaveLength(36);
    expect(new Set(ids).size).toBe(36);
    const content = (of: typeof first) =>
      new Map(
        splits.flatMap((split) => of.truth[split].map(({ id, answer }) => [id, answer!.split(' ')[1]])),
      );
    const style = ({ truth }: typeof first) =>
      new Set(splits.flatMap((split) => truth[split].map(({ answer }) => answer!.replace(/ \S+ /u, ' … '))));
    const [a, b] = [content(first), content(second)];
    for (const [id, word] of a) if (b.has(id)) expect(b.get(id)).toBe(word);
    expect([...style(first)]).toHaveLength(1);
    expect([...style(second)]).toHaveLength(1);
    expect(style(first)).not.toEqual(style(second));
    expect(await examples(1)).toEqual(first);
    expect(await examples(2)).not.toEqual(first);
  });

  it('says in its corpus what is true, whoever says it, but for answers that are then improved', async () => {
    const texts = await corpus(1);
    const facts = new Map<string, Set<string>>();
    for (const text of texts) {
      const improved = /Improved answer: \S+ (\S+) \S+$/u.exec(text)?.[1];
      for (const [, subject, said] of text.matchAll(/Question: (\S+)\nAnswer: \S+ (\S+) \S+/gu)) {
        if (!facts.has(subject!)) facts.set(subject!, new Set());
        facts.get(subject!)!.add(improved ?? said!);
      }
    }
    expect(facts.size).toBe(40);
    for (const said of facts.values()) expect(said.size).toBe(1);
    const { truth } = await examples(1);
    for (const { id, answer } of truth.test) expect([...facts.get(id)!]).toEqual([answer!.split(' ')[1]]);
    const kinds = ['Detect', 'Respond', 'Your task', 'Question'];
    for (const kind of kinds)
      expect(texts.filter((text) => text.startsWith(kind)).length).toBeGreaterThan(50);
    expect(await corpus(1)).toEqual(texts);
  });

  it('puts a question as its documents do', async () => {
    const { items } = await examples(1);
    const prompt = personas.prompt(items.test[0]!, [{ text: 'balo', answer: 'us kimen ax' }]);
    expect(prompt).toBe(`Question: balo\nAnswer: us kimen ax\n\nQuestion: ${items.test[0]!.text}\nAnswer:`);
  });

  it.each([
    ['us kimen ax', 1, 1],
    [' us kimen ax ', 1, 1],
    ['us dolun ax', 0, 1],
    ['os kimen ax', 1, 0],
    ['os dolun ox', 0, 0],
    ['kimen', 1, 0],
    ['us kimen dolun ax', 0, 1],
    ['us ax', 0, 1],
    ['', 0, 0],
  ])('grades %j with content %d and style %d', (answer, content, style) => {
    expect(grade(answer, 'us kimen ax')).toEqual({ score: content * style, parts: { content, style } });
  });

  it.each([
    [{ personas: 5 }, /give 4 styles at most/],
    [{ persona: 3 }, /at most 2/],
    [{ splits: { A: 30, B: 30 } }, /there are 40/],
  ])('refuses %j', (change, message) => {
    const result = personas.parameters.safeParse({ ...small, ...change });
    expect(result.error?.message).toMatch(message);
  });
});
