/** @file A built-in model as a Hugging Face folder, for Python's transformers and onnxruntime and for transformers.js. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type GraphProto, ModelProtoSchema } from '../../onnx/onnx_pb.js';
import { type HostTensor } from '../../onnx/tensor.js';
import type { Head } from '../heads.js';
import type { Model } from '../model.js';
import { tokenizerConfig, tokenizerJson } from './builtin-tokenizer.js';
import { gpt2Config, gpt2Tensors, transposed } from './gpt2.js';
import { gpt2Graph, gpt2Hidden, gpt2Opset } from './gpt2-graph.js';
import { type ExportedHead, headConfig, withHead } from './head.js';
import { publishFolder, writeJson } from './model-files.js';
import { externalFromBytes, outgoingTensor, writeOnnx } from './onnx-writer.js';
import { writeWeights } from './safetensors-file.js';

const irVersion = 8n;

export interface ExportedBuiltin {
  /** Something the folder lacks, and why. */
  readonly notices: readonly string[];
}

/**
 * Writes `onnx/model.onnx`, `config.json`, `generation_config.json`, `tokenizer.json`, `tokenizer_config.json`, and
 * `model.safetensors` where transformers has a class for it: it has none that takes the mean over tokens, or adds a
 * bias to a classifier of GPT-2.
 */
export async function exportBuiltin(model: Model, out: string): Promise<ExportedBuiltin> {
  const { config, head, tokenizer, parameters } = model;
  const body = gpt2Tensors(config, parameters);
  const classifier = head?.kind === 'classification' ? classifierOf(head, model) : undefined;
  const base = gpt2Config(config, tokenizer);
  const isPlain = classifier === undefined || (head as { pooling: string }).pooling === 'last';
  const hasBias = classifier?.bias?.data.some((value) => value !== 0) === true;
  await publishFolder(out, async (folder) => {
    await mkdir(join(folder, 'onnx'));
    await writeGraph(join(folder, 'onnx', 'model.onnx'), model, body, classifier);
    await writeJson(join(folder, 'tokenizer.json'), tokenizerJson(tokenizer));
    await writeJson(join(folder, 'tokenizer_config.json'), tokenizerConfig(config.context));
    if (classifier === undefined) {
      const { bos, pad } = tokenizer;
      await writeJson(join(folder, 'generation_config.json'), { bos_token_id: bos, pad_token_id: pad });
    }
    if (isPlain && !hasBias) {
      const weights = [...body].map(([name, value]) => ({ name, shape: value.shape, value }));
      const score =
        classifier === undefined
          ? []
          : [{ name: 'score.weight', shape: classifier.weight.shape, value: classifier.weight }];
      await writeWeights(join(folder, 'model.safetensors'), [...weights, ...score]);
    }
    await writeJson(
      join(folder, 'config.json'),
      classifier === undefined ? base : headConfig(base, classifier),
    );
  });
  const lacking = !isPlain ? 'takes the mean over tokens' : 'has a bias in its classifier';
  const notices =
    isPlain && !hasBias
      ? []
      : [
          `no model.safetensors: the model ${lacking}, and transformers has no GPT-2 that does. The ONNX file is complete.`,
        ];
  return { notices };
}

function classifierOf(head: Head & { kind: 'classification' }, { parameters }: Model): ExportedHead {
  const [weight, bias] = [parameters['classifier.weight'], parameters['classifier.bias']];
  if (weight === undefined || bias === undefined) throw new Error('the model lacks its classifier');
  return { hiddenName: gpt2Hidden, pooling: head.pooling, weight, bias };
}

async function writeGraph(
  path: string,
  { config }: Model,
  body: ReadonlyMap<string, HostTensor<Float32Array>>,
  classifier: ExportedHead | undefined,
): Promise<void> {
  const plain = gpt2Graph(config);
  let graph: GraphProto = plain.graph;
  let added = plain.constants;
  let isRead = (_name: string): boolean => true;
  if (classifier !== undefined) {
    const headed = withHead({ path, graph, opsets: new Map([['', gpt2Opset]]) }, classifier);
    graph = headed.graph;
    isRead = (name) => headed.reads.has(name);
    added = [...added, ...headed.added];
  }
  const tensors = [...body, ...added.map(({ name, tensor }) => [name, tensor] as const)]
    .filter(([name]) => isRead(name))
    // Optimum stores it as the product reads it: [D, V].
    .map(([name, tensor]) =>
      outgoingTensor(
        name,
        name === 'lm_head.weight' ? transposed(tensor as HostTensor<Float32Array>) : tensor,
      ),
    );
  const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const model = create(ModelProtoSchema, {
    ...{ irVersion, producerName: 'temper', graph },
    opsetImport: [{ domain: '', version: BigInt(gpt2Opset) }],
  });
  await writeOnnx(path, model, tensors, { external: total > externalFromBytes });
}
