/** @file What a training leaves: the merged ONNX model, PyTorch's weights, or a PEFT adapter. */
import { UserError } from '../../base/errors.js';
import type { HostTensor } from '../../onnx/tensor.js';
import type { Tensors } from '../../onnx/state.js';
import type { Task } from '../data/example.js';
import { writeAdapter } from '../export/adapter.js';
import type { ExportedHead } from '../export/head.js';
import { mergedValues } from '../export/lora-values.js';
import { type NewValue, writeMerged } from '../export/merged.js';
import { writePytorch } from '../export/pytorch.js';
import { type ImportedNetwork, readParameter } from '../huggingface/network.js';
import type { OpenedModel } from '../huggingface/open.js';
import { adapterName, type Lora } from '../lora.js';
import type { RowHead } from '../network-heads.js';

export interface Trained {
  readonly model: OpenedModel;
  readonly network: ImportedNetwork;
  readonly task: Task;
  /** A head that the model did not have. */
  readonly head?: RowHead;
  readonly lora?: Lora;
  /** Everything that was trained, by name. */
  readonly parameters: Tensors;
}

/** Writes the products of a training and returns what they are, for people. */
export async function writeProducts(
  trained: Trained,
  out: string,
  { merge, onNotice }: { merge: boolean; onNotice?: (notice: string) => void },
): Promise<string[]> {
  const { model, network, lora } = trained;
  const whole = {
    folder: model.folder,
    config: model.config,
    parameters: network.parameters,
    values: newValues(trained),
    head: exportedHead(trained),
  };
  const written: string[] = [];
  if (lora !== undefined) {
    await writeOwnAdapter(trained, lora, out);
    written.push('adapter_model.safetensors', 'adapter_config.json');
  } else {
    const { notices } = await writePytorch(whole, out);
    for (const notice of notices) onNotice?.(notice);
    written.push('model.safetensors');
  }
  if (lora === undefined || merge) {
    const { files } = await writeMerged({ file: network.file, ...whole }, out);
    written.push(...files);
  }
  return written;
}

function isAdapters(name: string): boolean {
  return /\.lora_[AB]\.weight$/.test(name);
}

async function writeOwnAdapter(trained: Trained, lora: Lora, out: string): Promise<void> {
  const { model, network, parameters, task } = trained;
  const entries = Object.entries(parameters);
  await writeAdapter(out, {
    config: lora.config,
    tensors: Object.fromEntries(entries.filter(([name]) => isAdapters(name))),
    saved: new Map(entries.filter(([name]) => !isAdapters(name))),
    fanInFanOut: lora.linears.every(({ fanInFanOut }) => fanInFanOut),
    taskType:
      task.kind === 'language' ? 'CAUSAL_LM' : network.kind === 'features' ? 'FEATURE_EXTRACTION' : 'SEQ_CLS',
    baseModel: model.reference,
    ...(model.commit === undefined ? {} : { revision: model.commit }),
  });
}

/** New values of the network's own parameters, adapters merged into them one at a time as they are written. */
function newValues({ network, lora, parameters }: Trained): Map<string, NewValue> {
  const own = new Set(network.parameters.map(({ name }) => name));
  const saved = new Map(Object.entries(parameters).filter(([name]) => own.has(name)));
  const modules = (lora?.linears ?? []).map(({ name }) => {
    const [a, b] = [parameters[adapterName(name, 'A')], parameters[adapterName(name, 'B')]];
    if (a === undefined || b === undefined) throw new Error(`${name} has no adapter`);
    return { name, scale: lora?.scale ?? 1, a, b };
  });
  return mergedValues({ ...network, read: readParameter }, { modules, saved });
}

/** The new head as it is appended to the file's graph; its parameters are its own. */
export function exportedHead({
  network,
  head,
  parameters,
  task,
}: Omit<Trained, 'model'>): ExportedHead | undefined {
  if (head === undefined) return undefined;
  const at = (name: string): HostTensor<Float32Array> | undefined => parameters[`${head.module}.${name}`];
  const [weight, bias] = [at('weight'), at('bias')];
  if (weight === undefined) throw new Error(`the head "${head.module}" was not trained`);
  const names = task.kind === 'classes' || task.kind === 'multi-label' ? task.names : undefined;
  return {
    hiddenName: hiddenName(network),
    module: head.module,
    pooling: head.pooling,
    weight,
    ...(bias === undefined ? {} : { bias }),
    ...(names === undefined ? {} : { labels: names }),
    ...(task.kind === 'score' ? { problem: 'regression' as const } : {}),
    ...(task.kind === 'multi-label' ? { problem: 'multi_label_classification' as const } : {}),
  };
}

function hiddenName({ hiddenName: known, file }: ImportedNetwork): string {
  const found =
    known ??
    file.graph.output.find(({ name }) => name === 'last_hidden_state')?.name ??
    file.graph.output[0]?.name;
  if (found !== undefined) return found;
  throw new UserError(`${file.path} puts out nothing that a head could read`);
}
