/** @file The graph that writing runs: the next token's logits behind each row, over the whole vocabulary. */
import { encodeGraph } from '../../onnx/encode.js';
import { Graph } from '../../onnx/graph.js';
import type { GraphProto } from '../../onnx/onnx_pb.js';
import { gemm } from '../../onnx/operators/index.js';
import { gptFinalNorm, type GptConfig, gptHidden } from '../gpt.js';
import { lastRows, modelParameters } from '../heads.js';

/**
 * `tokens` [batch, length], `last` [batch] and every parameter → `logits` [vocabulary, batch].
 *
 * The product is taken from the vocabulary's side: it has at least as many rows as columns there, which ONNX Runtime
 * splits among threads without changing a bit (see `dependsOnThreads` in onnx/operators/linalg.ts).
 */
export function nextTokenGraph(config: GptConfig): GraphProto {
  const graph = new Graph();
  const tokens = graph.input('tokens', 'int32', ['batch', 'length']);
  const last = graph.input('last', 'int32', ['batch']);
  const values = new Map(
    modelParameters(config).map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]),
  );
  const parameters = (name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the model has no parameter "${name}"`);
    return value;
  };
  const read = lastRows(gptHidden(config, parameters, tokens), { tokens, last }); // [B, D]
  const logits = gemm(parameters('head.weight'), gptFinalNorm(parameters, read), undefined, { transB: true });
  return encodeGraph('next-token', graph.inputs, { logits }, undefined);
}
