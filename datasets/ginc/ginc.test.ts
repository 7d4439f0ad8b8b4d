import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drawGinc, type GincSettings } from './concepts.js';
import { documentSources, drawDocuments, published, vocabularyOf } from './documents.js';
import { askOracle, likeliest, Listener } from './oracle.js';
import { drawPrompts, publishedPrompts, type PromptRequest } from './prompts.js';

const settings: GincSettings = {
  symbols: 50,
  values: 10,
  slots: 10,
  concepts: 10,
  transitionTemperature: 0.1,
  startTemperature: 10,
  valueIdentity: 0.9,
  valuesByConcept: false,
};
const words = vocabularyOf(50);
const textOf = (symbols: readonly number[]) => symbols.map((symbol) => words[symbol]).join(' ');

function take<T>(values: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const value of values) if (taken.push(value) === count) break;
  return taken;
}

describe('the parameters of GINC', () => {
  const ginc = drawGinc(settings);
  const all = [...ginc.known, ...ginc.unknown];

  it('are the published ones: fixed_params.pkl, id_params.pkl and ood_params.pkl', () => {
    expect(ginc.memory).toEqual([
      [0, 38, 18, 13, 35, 25, 23, 21, 12, 15],
      [0, 39, 13, 47, 23, 9, 42, 43, 13, 31],
      [0, 13, 5, 14, 41, 10, 10, 24, 19, 1],
      [0, 9, 6, 22, 18, 46, 33, 46, 12, 32],
      [0, 22, 45, 46, 35, 25, 1, 24, 30, 48],
      [0, 1, 41, 12, 48, 34, 42, 3, 10, 40],
      [0, 12, 39, 8, 10, 14, 18, 15, 28, 23],
      [0, 36, 22, 43, 24, 38, 11, 42, 8, 36],
      [0, 6, 34, 33, 49, 31, 15, 44, 49, 21],
      [0, 44, 14, 11, 22, 7, 31, 30, 9, 4],
    ]);
    const rows: [concept: number, row: number, values: number[]][] = [
      [0, 0, [0.386489, 0.304647, 0, 0, 0.000203, 0.000941, 0.29834, 0.003865, 0.005515, 0]],
      [0, 1, [0.008379, 0, 0, 0.603273, 0, 0.385873, 0.000819, 0, 0.000717, 0.000941]],
      [4, 0, [0, 0, 0.000848, 0, 0.860188, 0.00179, 0, 0.100818, 0.035308, 0.001047]],
      [5, 0, [0.010748, 0.015379, 0.331454, 0.005253, 0, 0, 0, 0.000773, 0, 0.636394]],
      [9, 0, [0, 0.023404, 0, 0, 0.000464, 0.000074, 0.858771, 0.003651, 0.003028, 0.110608]],
    ];
    for (const [concept, row, values] of rows)
      values.forEach((value, i) => expect(all[concept]?.slots[row]?.[i]).toBeCloseTo(value, 6));
    const starts: [concept: number, values: number[]][] = [
      [0, [0.0097904941, 0.0096829539, 0.0104234496]],
      [4, [0.0104798639, 0.0101659581, 0.0099393062]],
      [5, [0.0098501459, 0.0096399147, 0.010427402]],
      [9, [0.0095548647, 0.0097442441, 0.0098698261]],
    ];
    for (const [concept, values] of starts)
      values.forEach((value, i) => expect(all[concept]?.start[i]).toBeCloseTo(value, 10));
    const zeros = (matrix: readonly (readonly number[])[]) => matrix.flat().filter((p) => p === 0).length;
    expect(all.map(({ slots }) => zeros(slots))).toEqual([33, 36, 32, 38, 37, 36, 35, 36, 35, 32]);
    const diagonal = [0.9, 0.985689, 0.900391, 0.900078, 0.9, 0.9, 0.900035, 0.984218, 0.900063, 0.900035];
    const first = [0.9, 0.013682, 0.000062, 0, 0.084218, 0, 0.000162, 0.001876, 0, 0];
    for (const { values } of all) {
      expect(zeros(values)).toBe(33);
      diagonal.forEach((value, i) => expect(values[i]?.[i]).toBeCloseTo(value, 6));
      first.forEach((value, i) => expect(values[0]?.[i]).toBeCloseTo(value, 6));
    }
  });

  it('are probabilities, and each concept may have value transitions of its own', () => {
    for (const { start, slots, values } of drawGinc({ ...settings, valuesByConcept: true }).known)
      for (const row of [start, ...slots, ...values])
        expect([...row].reduce((sum, p) => sum + p)).toBeCloseTo(1, 12);
    const own = drawGinc({ ...settings, valuesByConcept: true });
    expect(own.known[0]?.slots).toEqual(ginc.known[0]?.slots);
    expect(own.known[0]?.values).not.toEqual(own.known[1]?.values);
  });
});

describe('the documents of GINC', () => {
  const draw = { source: 'concepts', seed: 0 } as const;
  /** The raw text file that the published code writes. */
  function digestOf(algorithm: 'sha1' | 'sha256', texts: string[]): string {
    const bytes = Buffer.from(texts.map((text) => `${text} / `).join(''));
    const hash = createHash(algorithm);
    if (algorithm === 'sha1') hash.update(`blob ${bytes.length}\0`); // as git names a file
    return hash.update(bytes).digest('hex');
  }

  it('are the published ones to the last byte: train.txt and val.txt', () => {
    const ginc = drawGinc(settings);
    const { training, validation } = published;
    const train = [...drawDocuments(ginc, { ...draw, count: training.documents, words: training.words })];
    expect(
      digestOf(
        'sha1',
        train.map(({ symbols }) => textOf(symbols)),
      ),
    ).toBe('cf179a8709cf219f33ea199b2570e22496306832');
    const val = [...drawDocuments(ginc, { ...draw, count: validation.documents, words: validation.words })];
    expect(
      digestOf(
        'sha256',
        val.map(({ symbols }) => textOf(symbols)),
      ),
    ).toBe('6352414879aedb9e58b9d01a842670ca2662c19c84fd99296c211ab369d4a2e4');
  });

  it('are others with another seed, and the same again with the same', () => {
    const some = (seed: number) => [
      ...drawDocuments(drawGinc(settings), { ...draw, seed, count: 2, words: 30 }),
    ];
    expect(some(1)).toEqual(some(1));
    expect(some(1)).not.toEqual(some(2));
  });

  it.each(documentSources)('have the words that were asked for (%s)', (source) => {
    const documents = [...drawDocuments(drawGinc(settings), { source, seed: 0, count: 20, words: 41 })];
    expect(documents.map(({ symbols }) => symbols.length)).toEqual(documents.map(() => 41));
    const concepts = new Set(documents.map(({ concept }) => concept));
    expect(concepts.size).toBe(source === 'first-concept' ? 1 : 5);
  });

  it('may be made of segments, which every concept can say from any slot on', () => {
    const ginc = drawGinc(settings);
    const listener = new Listener(ginc);
    for (const { concept, symbols } of drawDocuments(ginc, {
      source: 'segments',
      seed: 0,
      count: 5,
      words: 99,
    })) {
      const length = [4, 5, 6, 7, 8, 9, 10, 11].find((period) =>
        symbols.every((symbol, i) => (i + 1) % period !== 0 || symbol === 0),
      ) as number;
      const { concepts } = askOracle(
        ginc,
        listener,
        { symbols: symbols.slice(0, 4 * length - 1), length: length - 1 },
        'segments',
      );
      expect(likeliest(concepts)).toBe(concept);
    }
  });
});

describe('the prompts of GINC', () => {
  const ginc = drawGinc(settings);
  const draw = (request: PromptRequest, seed: number, count: number) =>
    take(drawPrompts(ginc, request, seed), count);

  /**
   * The SHA-256 of 2,500 texts and labels, taken when id_prompts_randomsample_{3,10}.json and
   * ood_prompts_randomsample_{3,10}.json, written from these prompts, had the git object names of the shipped files.
   */
  const shipped: [PromptRequest, string][] = [
    [
      { inDistribution: true, length: 3, examples: 0 },
      '7e32b4d3e36df961f47f5a6be53bbc269a956177c44523e5e7c488e0fd354ee2',
    ],
    [
      { inDistribution: true, length: 3, examples: 16 },
      '91e2d0532e6f6445705647beb0aaaf13e47234768e98e7cbc28e9f2642b099c3',
    ],
    [
      { inDistribution: false, length: 3, examples: 4 },
      '06a3cd23a32a491886b55a50d9d4dd69ab010059f5e0012c3488d970d9907a3c',
    ],
  ];
  it.each(shipped)('are the published ones: %o', (request, digest) => {
    const hash = createHash('sha256');
    for (const { symbols, label } of draw(request, 0, publishedPrompts.each))
      hash.update(`${textOf(symbols)} → ${words[label]}\n`);
    expect(hash.digest('hex')).toBe(digest);
  });

  it('have random numbers of their own where none were published', () => {
    const request = { inDistribution: true, length: 4, examples: 3 };
    const prompts = draw(request, 0, 20);
    expect(prompts).toEqual(draw(request, 0, 20));
    expect(prompts).not.toEqual(draw(request, 1, 20));
    for (const { symbols } of prompts) {
      expect(symbols).toHaveLength(18);
      expect([4, 9, 14].map((place) => symbols[place])).toEqual([0, 0, 0]);
    }
    expect(draw({ inDistribution: true, length: 3, examples: 1 }, 1, 5)).not.toEqual(
      draw({ inDistribution: true, length: 3, examples: 1 }, 0, 5),
    );
  });

  it('out of distribution ask what the concept cannot say, and then the delimiter is right', () => {
    const prompts = draw({ inDistribution: false, length: 8, examples: 1 }, 1, 200);
    const impossible = prompts.filter(({ possible }) => !possible);
    expect(impossible.length).toBeGreaterThan(50);
    expect(impossible.length).toBeLessThan(200);
    expect(new Set(impossible.map(({ label }) => label))).toEqual(new Set([0]));
  });
});

describe('the Bayes oracle of GINC', () => {
  const ginc = drawGinc(settings);
  const listener = new Listener(ginc);
  const ask = (length: number, examples: number, kind: 'segments' | 'exact', count = 300) => {
    const prompts = take(drawPrompts(ginc, { inDistribution: true, length, examples }, 1), count);
    const opinions = prompts.map(({ symbols }) => askOracle(ginc, listener, { symbols, length }, kind));
    const mean = (of: (i: number) => number) => prompts.reduce((sum, _, i) => sum + of(i), 0) / count;
    return {
      /** Posterior mass off the true concept. */
      off: mean((i) => 1 - (opinions[i]?.concepts[prompts[i]?.concept as number] as number)),
      accuracy: mean((i) => Number(likeliest(opinions[i]?.answer ?? []) === prompts[i]?.label)),
    };
  };

  // An independent implementation gave these with 300 to 400 prompts of its own: so two standard errors of each.
  it.each([
    [3, 0, 0.497, 0.53],
    [3, 1, 0.085, 0.9],
    [3, 2, 0.0146, 0.94],
    [3, 4, 6.4e-4, 0.97],
    [3, 8, 4.4e-9, 0.94],
    [3, 16, 5.6e-19, 0.96],
    [5, 0, 0.06, 0.965],
    [5, 1, 7.5e-4, 1],
    [5, 2, 1.6e-7, 1],
    [10, 0, 8.9e-4, 1],
    [10, 1, 3.2e-12, 1],
  ])(
    'at length %d with %d examples leaves %d to other concepts and is right in %d',
    (length, n, off, accuracy) => {
      const found = ask(length, n, 'segments');
      const error = Math.sqrt((2 * Math.max(accuracy * (1 - accuracy), 0.005)) / 350);
      expect(Math.abs(found.accuracy - accuracy)).toBeLessThan(3 * error);
      // A mean over a heavy tail: of the small ones only the order of magnitude can be compared, and that from above.
      if (off > 0.01) expect(Math.abs(Math.log10(found.off / off))).toBeLessThan(0.35);
      else expect(found.off).toBeLessThan(1e4 * off + 1e-15);
    },
  );

  it('is right almost always once it knows that examples share their slot', () => {
    expect(ask(3, 4, 'exact', 100).accuracy).toBeGreaterThan(0.97);
    expect(ask(3, 16, 'exact', 100).accuracy).toBe(1);
  });

  it('that takes a prompt for a document is misled where the concept hardly goes from a delimiter to the start', () => {
    const prompts = take(drawPrompts(ginc, { inDistribution: true, length: 3, examples: 16 }, 1), 200);
    const smooth = new Listener(ginc, 1e-4);
    const share = (usual: boolean) => {
      const some = prompts.filter(({ concept, startSlot }) => {
        const joined = ginc.known[concept]?.slots[0]?.[startSlot as number] as number;
        return joined > 0.1 === usual;
      });
      const right = some.filter(({ symbols, label }) => {
        const { answer } = askOracle(ginc, smooth, { symbols, length: 3 }, 'document');
        return likeliest(answer) === label;
      });
      return right.length / some.length;
    };
    expect(share(true)).toBeGreaterThan(0.85);
    expect(share(false)).toBeLessThan(0.7);
  });

  it('tells of prompts that no known concept can say', () => {
    const [prompt] = take(drawPrompts(ginc, { inDistribution: false, length: 10, examples: 8 }, 1), 1);
    expect(() =>
      askOracle(ginc, listener, { symbols: prompt?.symbols ?? [], length: 10 }, 'segments'),
    ).toThrow('no known concept');
  });
});
