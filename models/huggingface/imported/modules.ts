/** @file Which module of the PyTorch model a node of an export stands for. */
import type { NodeProto } from '../../../onnx/onnx_pb.js';

/**
 * PyTorch's name of the module that a node belongs to: `model.layers.0.self_attn.q_proj`; undefined where the exporter
 * left no trace of it.
 *
 * The dynamo exporter writes it into the node's metadata, the older one makes the node's name of it.
 */
export function moduleOf(node: NodeProto): string | undefined {
  const scopes = node.metadataProps.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value;
  return scopes === undefined ? moduleOfPath(node.name) : moduleOfScopes(scopes);
}

/** `/model/layers.0/self_attn/q_proj/MatMul` */
function moduleOfPath(name: string): string | undefined {
  if (!name.startsWith('/')) return undefined;
  const parts = name.slice(1).split('/').slice(0, -1);
  return parts.length === 0 ? undefined : parts.join('.');
}

/** `['', 'model', 'model.layers.1', 'model.layers.1.mlp.up_proj', 'linear_12']`: the last is the node itself. */
function moduleOfScopes(text: string): string | undefined {
  const scopes = [...text.matchAll(/'([^']*)'/g)].map((match) => match[1] as string);
  const module = scopes.slice(0, -1).at(-1);
  return module === undefined || module === '' ? undefined : module;
}
