/** @file A model by whatever people call it: a folder, an ONNX file, or a name on the hub. */
import { stat } from 'node:fs/promises';
import { codeOf } from '../../base/errors.js';
import { type FolderOptions, type ModelFolder, openModelFolder } from './folder.js';
import { type Progress, resolveModel } from './hub.js';

export interface OpenOptions extends FolderOptions {
  /** Branch, tag or commit on the hub. */
  readonly revision?: string;
  /** The hub is not asked: what its cache has must do. */
  readonly offline?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Something to know: that the hub was not reached, and the cache is used. */
  readonly onNotice?: (notice: string) => void;
}

export interface OpenedModel extends ModelFolder {
  /** What people called it. */
  readonly reference: string;
  /** Of the hub's repository. */
  readonly commit?: string;
}

/** @throws UserError, EnvironmentError that say what to do */
export async function openModel(reference: string, options: OpenOptions = {}): Promise<OpenedModel> {
  const { file, weights, revision, offline, onProgress, onNotice } = options;
  const choice = { file, weights };
  if (await isThere(reference)) return { reference, ...(await openModelFolder(reference, choice)) };
  const hub = offline === true ? { offline } : {};
  const resolved = await resolveModel(reference, { ...choice, ...hub, revision, onProgress });
  if (resolved.notice !== undefined) onNotice?.(resolved.notice);
  const opened = await openModelFolder(resolved.folder, { file: resolved.file ?? file, weights });
  return { reference, ...opened, ...(resolved.commit === undefined ? {} : { commit: resolved.commit }) };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
