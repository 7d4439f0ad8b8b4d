/** @file A small model read the way that imported files are, with its inputs as the graph's. For tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { Graph, type Value } from '../graph.js';
import { openOnnx } from '../import/file.js';
import { SizedFile } from '../import/specialise.js';
import { prune } from '../prune.js';
import { fromOrt, toOrt } from '../session.js';
import { type HostTensor, typeOfTensor } from '../tensor.js';
import { type SmallModel, smallModel, writeSmallModel } from './small-model.js';

export interface ReadModel {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Names of the operators that the outputs need. */
  readonly operators: readonly string[];
}

/** Reads a model at the sizes of its example inputs. */
export async function readModel(model: SmallModel): Promise<ReadModel> {
  const folder = await mkdtemp(join(tmpdir(), 'temper-read-model-'));
  try {
    const file = await openOnnx(await writeSmallModel(join(folder, 'model.onnx'), model));
    const build = () => {
      const graph = new Graph();
      const inputs = Object.fromEntries(
        Object.entries(model.inputs).map(([name, tensor]) => [
          name,
          graph.input(name, typeOfTensor(tensor), tensor.shape),
        ]),
      );
      return { graph, inputs, leaf: (name: string) => inputs[name] as Value };
    };
    const first = build();
    const sizes = {
      constants: new Map<string, HostTensor>(),
      leaves: new Set(Object.keys(model.inputs)),
      outputs: model.outputs,
    };
    const sized = await SizedFile.read(file, sizes, first.graph, first.leaf);
    const { graph, inputs, leaf } = build();
    const values = sized.emit(graph, leaf);
    const outputs = Object.fromEntries(
      model.outputs.map((name) => [name, (values.get(name) ?? sized.constant(graph, name)) as Value]),
    );
    const operators = prune(graph, Object.values(outputs)).nodes.map((node) => node.operator.name);
    return { graph, inputs, outputs, operators };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What ONNX Runtime makes of the model and its example inputs. */
export async function runModel(model: SmallModel): Promise<Record<string, HostTensor>> {
  const session = await ort.InferenceSession.create(smallModel(model), { logSeverityLevel: 3 });
  try {
    const feeds = Object.entries(model.inputs).map(([name, tensor]) => [name, toOrt(tensor)]);
    const results = await session.run(Object.fromEntries(feeds) as Record<string, ort.Tensor>);
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor)]));
  } finally {
    await session.release();
  }
}
