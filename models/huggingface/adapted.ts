/** @file A model with a PEFT adapter in it: merged into a copy of its file, which goes when it is no longer needed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.js';
import type { Task } from '../data/example.js';
import { type Adapter, readAdapter } from '../export/adapter.js';
import { mergedValues } from '../export/lora-values.js';
import { writeMerged } from '../export/merged.js';
import { exportedHead } from '../finetune/products.js';
import { classifierTask } from './config.js';
import { openModelFolder } from './folder.js';
import { type ImportedNetwork, importNetwork, readParameter } from './network.js';
import type { OpenedModel } from './open.js';
import { type RowHead, rowHeadOf } from '../network-heads.js';

export interface AdaptedModel {
  readonly model: OpenedModel;
  readonly remove: () => Promise<void>;
}

/** @throws UserError where the adapter's layers are not the model's */
export async function withAdapter(model: OpenedModel, adapterFolder: string): Promise<AdaptedModel> {
  const adapter = await readAdapter(adapterFolder);
  const network = await importNetwork(model);
  const head = await headOf(network, adapter, adapterFolder);
  const folder = await mkdtemp(join(tmpdir(), 'temper-adapted-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await writeMerged(
      {
        ...{ file: network.file, folder: model.folder, config: model.config, parameters: network.parameters },
        values: valuesOf(network, adapter, head),
        head: head === undefined ? undefined : headFor(network, adapter, head, model),
      },
      folder,
    );
    const { reference, commit } = model;
    const opened = {
      reference,
      ...(await openModelFolder(folder)),
      ...(commit === undefined ? {} : { commit }),
    };
    return { model: opened, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Without the head's own parameters, for which the file has no place. */
function valuesOf(network: ImportedNetwork, { modules, saved }: Adapter, head: RowHead | undefined) {
  const own = [...saved].filter(([name]) => head === undefined || !name.startsWith(`${head.module}.`));
  const { linears, parameters } = network;
  return mergedValues({ linears, parameters, read: readParameter }, { modules, saved: new Map(own) });
}

/** A head that was trained along with the adapter and that the model lacks. */
async function headOf(
  network: ImportedNetwork,
  { saved }: Adapter,
  folder: string,
): Promise<RowHead | undefined> {
  if (network.kind === 'classification') return undefined;
  const weight = saved.get(`${rowHeadOf(network, 1).module}.weight`);
  if (weight === undefined) return undefined;
  return rowHeadOf(network, weight.shape[0] as number, await poolingBeside(folder));
}

/** PEFT's format does not say what a head reads; what Temper trained says it in a file of its own. */
async function poolingBeside(folder: string): Promise<RowHead['pooling'] | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, 'training.json'), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const { settings } = JSON.parse(text) as { settings?: { pooling?: 'last' | 'cls' | 'mean' } };
  return settings?.pooling === 'cls' ? 'first' : settings?.pooling;
}

function headFor(network: ImportedNetwork, { saved }: Adapter, head: RowHead, { config }: OpenedModel) {
  const task: Task = classifierTask({ ...config, id2label: null }, head.outputs);
  return exportedHead({ network, head, task, parameters: Object.fromEntries(saved) });
}
