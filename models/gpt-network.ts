/** @file The built-in GPT as a network like any other. */
import type { Graph, Value } from '../onnx/graph.js';
import type { Lookup } from '../onnx/program.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptLogits, gptParameters } from './gpt.js';
import type { Linear, Network } from './network.js';

export function gptNetwork(config: GptConfig): Network {
  const linears = gptLinears(config);
  const linearNamed = new Map(linears.map((linear) => [linear.name, linear]));
  return {
    kind: 'language',
    parameters: gptParameters(config),
    linears,
    width: config.width,
    vocabulary: config.vocabulary,
    context: config.context,
    at: () => {
      const streams = new WeakMap<Graph, Value[]>();
      return Promise.resolve({
        forward: (graph, weights, { tokens, mask, positions }, adapt) => {
          const layers: Value[] = [];
          streams.set(graph, layers);
          // Every weight of the GPT is stored as it is used.
          const parameters: Lookup = (name) => weights(name).value;
          const hidden = gptHidden(config, parameters, tokens, {
            ...(mask === undefined ? {} : { mask }),
            ...(positions === undefined ? {} : { positions }),
            ...(adapt === undefined
              ? {}
              : { adapt: (module, x, y) => adapt(linearNamed.get(module) as Linear, x, y) }),
            layer: (stream) => layers.push(stream),
          });
          const normed = gptFinalNorm(parameters, hidden);
          return { kind: 'language', hidden: normed, head: (rows) => gptLogits(parameters, rows) };
        },
        layer: (graph, index) => {
          const stream = streams.get(graph)?.[index];
          if (stream !== undefined) return stream;
          throw new RangeError(`the model has layers 0 to ${config.layers}, and ${index} was asked for`);
        },
      });
    },
  };
}

function gptLinears({ layers, width }: GptConfig): Linear[] {
  const linear = (name: string, inFeatures: number, outFeatures: number): Linear => {
    return { name, weight: `${name}.weight`, inFeatures, outFeatures, fanInFanOut: false };
  };
  return Array.from({ length: layers }, (_, layer) => [
    linear(`block${layer}.attention.in`, width, 3 * width),
    linear(`block${layer}.attention.out`, width, width),
    linear(`block${layer}.mlp.in`, width, 4 * width),
    linear(`block${layer}.mlp.out`, 4 * width, width),
  ]).flat();
}
