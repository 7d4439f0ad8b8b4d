/** @file `temper export MODEL --out FOLDER`: a built-in model, or a model with an adapter, as a Hugging Face folder. */
import { cp, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { contextOf } from './context.js';
import { note, print } from './output.js';

interface ExportOptions {
  readonly out: string;
  readonly adapter?: string;
  readonly revision?: string;
  readonly offline?: boolean;
}

export function registerExport(program: Command): void {
  program
    .command('export')
    .argument('<model>', "a model artifact's key, a built-in model's folder, or with --adapter any model")
    .description('write a model as a Hugging Face folder: ONNX, config.json, tokenizer')
    .requiredOption('--out <folder>', 'the folder to write')
    .option('--adapter <folder>', 'a PEFT adapter that is merged into the model')
    .option('--revision <name>', "branch, tag or commit of the hub's repository")
    .option('--offline', 'do not ask the hub; its cache has to do')
    .action(async (model: string, options: ExportOptions, command: Command) => {
      if (options.adapter !== undefined) await exportAdapted(model, options.adapter, options);
      else await exportOwn(model, options.out, command);
      print(options.out);
    });
}

/** A model that Temper made itself: an artifact, or its folder. */
async function exportOwn(model: string, out: string, command: Command): Promise<void> {
  const folder = (await isFolder(model)) ? model : await artifactFolder(model, command);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}')) as {
    architecture?: string;
  };
  if (config.architecture === undefined)
    throw new UserError(
      `${folder} holds no built-in model. If it is a Hugging Face folder, it can be used as it is; with --adapter, an adapter is merged into it.`,
    );
  const [{ loadModel }, { exportBuiltin }] = await Promise.all([
    import('../models/model.js'),
    import('../models/export/builtin.js'),
  ]);
  const { notices } = await exportBuiltin(await loadModel(folder), out);
  notices.forEach(note);
}

async function artifactFolder(key: string, command: Command): Promise<string> {
  const store = await contextOf(command).openStore();
  const ref = await store.resolve(key);
  const artifact = await store.read(ref);
  if (!artifact.manifest.files.some(({ path }) => path === 'model.safetensors'))
    throw new UserError(
      `${ref.kind}/${ref.key.slice(0, 12)} is no model: temper store ls shows what each artifact is.`,
    );
  return dirname(artifact.path('config.json'));
}

async function exportAdapted(
  reference: string,
  adapter: string,
  { out, revision, offline }: ExportOptions,
): Promise<void> {
  const [{ openModel }, { withAdapter }, { publishFolder }] = await Promise.all([
    import('../models/huggingface/open.js'),
    import('../models/huggingface/adapted.js'),
    import('../models/export/model-files.js'),
  ]);
  const model = await openModel(reference, {
    ...(revision === undefined ? {} : { revision }),
    ...(offline === undefined ? {} : { offline }),
    onNotice: note,
  });
  const adapted = await withAdapter(model, adapter);
  try {
    await publishFolder(out, (folder) => cp(adapted.model.folder, folder, { recursive: true }));
  } finally {
    await adapted.remove();
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
