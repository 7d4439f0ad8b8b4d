/** @file Models as plain forward graphs, of any batch and any length. */
import type { GraphProto } from '../onnx/onnx_pb.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph, type Value } from '../onnx/graph.js';
import { crossEntropy, reshape } from '../onnx/operators/index.js';
import type { Lookup } from '../onnx/program.js';
import type { Tensors } from '../onnx/trainer.js';
import { gptFinalNorm, type GptConfig, gptHidden, gptLogits } from './gpt.js';
import { type Head, headLogits, lastRows, modelParameters } from './heads.js';

/** Parameters as stored initializers, or as inputs that are fed at every run. */
type Weights = 'fed' | Tensors;

function declareParameters(graph: Graph, config: GptConfig, head: Head | undefined): Lookup {
  const values = new Map(
    modelParameters(config, head).map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]),
  );
  return (name) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the model has no parameter "${name}"`);
    return value;
  };
}

function finish(graph: Graph, outputs: Parameters<typeof encodeGraph>[2], weights: Weights): GraphProto {
  const stored = weights === 'fed' ? undefined : new Map(Object.entries(weights));
  return encodeGraph('model', graph.inputs, outputs, stored);
}

/** `tokens` [batch, length] → `logits` [batch, length, vocabulary]. */
export function languageModelGraph(config: GptConfig, weights: Weights): GraphProto {
  const graph = new Graph();
  const tokens = graph.input('tokens', 'int32', ['batch', 'length']);
  const parameters = declareParameters(graph, config, undefined);
  const rows = gptFinalNorm(parameters, gptHidden(config, parameters, tokens));
  const logits = reshape(gptLogits(parameters, rows), ['batch', 'length', config.vocabulary]);
  return finish(graph, { logits }, weights);
}

/** `tokens`, `targets` [batch, length] → `losses` [batch, length], −log p of each target. */
export function languageModelLossGraph(config: GptConfig, weights: Weights): GraphProto {
  const graph = new Graph();
  const tokens = graph.input('tokens', 'int32', ['batch', 'length']);
  const targets = graph.input('targets', 'int32', ['batch', 'length']);
  const parameters = declareParameters(graph, config, undefined);
  const rows = gptFinalNorm(parameters, gptHidden(config, parameters, tokens));
  const losses = crossEntropy(gptLogits(parameters, rows), reshape(targets, ['batch·length']));
  return finish(graph, { losses: reshape(losses, ['batch', 'length']) }, weights);
}

/** `tokens` [batch, length], `last` [batch] → `activations` [batch, width]: the residual stream after a block (0: none). */
export function activationsGraph(
  config: GptConfig,
  head: Head | undefined,
  layer: number,
  weights: Weights,
): GraphProto {
  if (!(layer >= 0 && layer <= config.layers)) {
    throw new RangeError(`the model has layers 0 to ${config.layers}, and ${layer} was asked for`);
  }
  const graph = new Graph();
  const tokens = graph.input('tokens', 'int32', ['batch', 'length']);
  const last = graph.input('last', 'int32', ['batch']);
  const parameters = declareParameters(graph, config, head);
  const streams: Value[] = [];
  gptHidden(config, parameters, tokens, { layer: (stream) => streams.push(stream) });
  return finish(graph, { activations: lastRows(streams[layer]!, { tokens, last }) }, weights);
}

/** `tokens` [batch, length], `last` [batch] and, for choices, `choices` [batch, choices] → `logits` of the head. */
export function headGraph(config: GptConfig, head: Head, weights: Weights): GraphProto {
  const graph = new Graph();
  const tokens = graph.input('tokens', 'int32', ['batch', 'length']);
  const last = graph.input('last', 'int32', ['batch']);
  const choices = head.kind === 'choices' ? graph.input('choices', 'int32', ['batch', 'choices']) : undefined;
  const parameters = declareParameters(graph, config, head);
  return finish(graph, { logits: headLogits(config, head, parameters, { tokens, last, choices }) }, weights);
}
