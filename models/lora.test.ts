/** @file Adapters as PEFT has them: which layers, what names, what start, what scale; and merged again. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { evaluate } from '../onnx/evaluate.js';
import { Graph } from '../onnx/graph.js';
import { linear as linearLayer } from '../onnx/operators/index.js';
import { adapterName, defaultTargetsOf, initialiseLora, loraOf, mergeAdapter, targetsOf } from './lora.js';
import type { Tensors } from '../onnx/trainer.js';
import type { Linear } from './network.js';

const linear = (name: string, inFeatures = 6, outFeatures = 4, fanInFanOut = false): Linear => ({
  ...{ name, weight: `${name}.weight`, inFeatures, outFeatures, fanInFanOut },
});
const decoder = [0, 1].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj'].map((part) =>
    linear(`model.layers.${layer}.${part}`),
  ),
);
const withHead = [...decoder, linear('lm_head')];
const names = (
  linears: readonly Linear[],
  targets: string | readonly string[],
  exclude?: string | readonly string[],
) => targetsOf(linears, { targets, exclude }).map(({ name }) => name);

describe('targets', () => {
  it('in a list are whole names or their last parts', () => {
    expect(names(withHead, ['q_proj'])).toEqual([
      'model.layers.0.self_attn.q_proj',
      'model.layers.1.self_attn.q_proj',
    ]);
    expect(names(withHead, ['layers.1.mlp.up_proj'])).toEqual(['model.layers.1.mlp.up_proj']);
    expect(names([linear('q_proj'), linear('sq_proj')], ['q_proj'])).toEqual(['q_proj']);
  });

  it('in a string are a regular expression for the whole name', () => {
    expect(names(withHead, String.raw`model\.layers\.0\..*_proj`)).toHaveLength(3);
    expect(() => names(withHead, 'q_proj')).toThrow(UserError);
    expect(() => names(withHead, '(')).toThrow('not a regular expression');
  });

  it('all-linear leaves out the output embedding, unless it is named', () => {
    expect(names(withHead, 'all-linear')).toEqual(decoder.map(({ name }) => name));
    expect(names(withHead, ['lm_head'])).toEqual(['lm_head']);
  });

  it('never reach a classifier head by accident', () => {
    const classifier = [linear('encoder.dense'), linear('classifier.dense'), linear('score')];
    expect(names(classifier, ['dense'])).toEqual(['encoder.dense']);
    expect(names(classifier, 'all-linear')).toEqual(['encoder.dense']);
    expect(names(classifier, ['score'])).toEqual(['score']);
  });

  it('may be excluded again', () => {
    expect(names(withHead, ['q_proj', 'v_proj'], ['v_proj'])).toHaveLength(2);
    expect(names(withHead, 'all-linear', '.*mlp.*')).toHaveLength(4);
  });

  it('that name nothing say what there is', () => {
    expect(() => names(withHead, ['query'])).toThrow('its layers end in q_proj, v_proj, up_proj, lm_head');
    expect(() => defaultTargetsOf('martian')).toThrow('no default LoRA targets for models of type "martian"');
    expect(defaultTargetsOf('llama')).toEqual(['q_proj', 'v_proj']);
  });
});

describe('an adapter', () => {
  const network = { linears: decoder };

  it('starts with A within ±1/√in and B zero, from the seed alone', () => {
    const lora = loraOf(network, { rank: 3, alpha: 8, targets: ['q_proj'] });
    const start = initialiseLora(lora, 7);
    const a = start[adapterName('model.layers.0.self_attn.q_proj', 'A')]!;
    expect(a.shape).toEqual([3, 6]);
    expect(Math.max(...a.data.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(6));
    expect(new Set(a.data).size).toBe(18);
    expect(initialiseLora(lora, 7)).toEqual(start);
    expect(
      start[adapterName('model.layers.0.self_attn.q_proj', 'B')]?.data.every((value) => value === 0),
    ).toBe(true);
  });

  it('is scaled by α/r, rank-stabilised by α/√r', () => {
    expect(loraOf(network, { rank: 4, alpha: 8, targets: ['q_proj'] }).scale).toBe(2);
    expect(loraOf(network, { rank: 4, alpha: 8, rankStabilized: true, targets: ['q_proj'] }).scale).toBe(4);
    expect(() => loraOf(network, { rank: 0, alpha: 8, targets: ['q_proj'] })).toThrow(
      'rank is a whole number from 1',
    );
    expect(() => loraOf(network, { rank: 1, alpha: 8, dropout: 1, targets: ['q_proj'] })).toThrow('below 1');
  });

  it.each([false, true])(
    'merged into its weight (fan_in_fan_out: %s) computes the same',
    async (fanInFanOut) => {
      const layer = linear('layer', 3, 2, fanInFanOut);
      const lora = loraOf({ linears: [layer] }, { rank: 2, alpha: 3, targets: ['layer'] });
      const numbers = (count: number, salt: number) =>
        Float32Array.from({ length: count }, (_, i) => Math.sin(salt + i));
      const adapters = {
        [adapterName('layer', 'A')]: { shape: [2, 3], data: numbers(6, 1) },
        [adapterName('layer', 'B')]: { shape: [2, 2], data: numbers(4, 2) },
      };
      const weight = { shape: [2, 3], data: numbers(6, 3) }; // [out, in]
      const turned = (data: Float32Array) =>
        Float32Array.from({ length: 6 }, (_, i) => data[(i % 2) * 3 + Math.floor(i / 2)]!);
      const stored = fanInFanOut ? { shape: [3, 2], data: turned(weight.data) } : weight;
      const merged = mergeAdapter(stored, layer, adapters, lora.scale);

      const graph = new Graph();
      const x = graph.constant('float32', [4, 3], numbers(12, 4));
      const constant = ({ shape, data }: Tensors[string]) => graph.constant('float32', shape, data);
      const plain = linearLayer(x, constant(weight));
      const adapted = lora.adapt((name) => constant(adapters[name]!))(layer, x, plain);
      const asOneWeight = fanInFanOut
        ? {
            shape: [2, 3],
            data: Float32Array.from({ length: 6 }, (_, i) => merged.data[(i % 3) * 2 + Math.floor(i / 3)]!),
          }
        : merged;
      const results = await evaluate({ adapted, merged: linearLayer(x, constant(asOneWeight)) });
      results['adapted']?.data.forEach((value, i) =>
        expect(Number(value)).toBeCloseTo(Number(results['merged']?.data[i]), 5),
      );
    },
  );
});
