/** @file What a training starts from, in bytes: whoever goes on with it must have the same. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { JsonObject } from '../../base/json.js';
import { hashFile } from '../../store/durable.js';
import type { ImportedNetwork } from '../huggingface/network.js';
import type { OpenedModel } from '../huggingface/open.js';

/** Names the model and its bytes. Weights in files of their own are told by their sizes: hashing gigabytes takes a while. */
export async function modelSource(model: OpenedModel, { file }: ImportedNetwork): Promise<JsonObject> {
  const apart = [...file.weights.values()].flatMap(({ location }) =>
    location === undefined || location.file === file.path ? [] : [location.file],
  );
  const sizes: JsonObject = {};
  for (const path of [...new Set(apart)].sort()) sizes[basename(path)] = (await stat(path)).size;
  return {
    reference: model.reference,
    ...(model.commit === undefined ? {} : { commit: model.commit }),
    onnx: { file: basename(file.path), sha256: await hashFile(file.path) },
    ...(Object.keys(sizes).length === 0 ? {} : { external: sizes }),
  };
}

/** A user's file by its name and bytes. */
export async function fileSource(path: string): Promise<JsonObject> {
  return { file: basename(path), sha256: await hashFile(path) };
}
