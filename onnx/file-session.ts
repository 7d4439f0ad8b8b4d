/** @file A session on a model file as it lies on disk: nothing is copied, and tensors in files beside it are found. */
import './no-telemetry.js';
import { access } from 'node:fs/promises';
import ort, { type InferenceSession } from 'onnxruntime-node';
import { messageOf, UserError } from '../base/errors.js';
import { type Device, sessionOptions } from './device.js';

/**
 * Opens a session that the caller releases.
 *
 * @throws UserError for a file that is missing, damaged, or without the files that its tensors stand in
 */
export async function openFileSession(
  path: string,
  device: Device,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  try {
    await access(path);
  } catch (error) {
    throw new UserError(`cannot open the model: ${messageOf(error)}`);
  }
  try {
    return await ort.InferenceSession.create(path, { ...sessionOptions(device), ...options });
  } catch (error) {
    throw new UserError(`cannot open ${path}: ${messageOf(error)}${adviceFor(messageOf(error))}`);
  }
}

/** Opens a session on a model in memory whose tensors stand in files of a folder; the caller releases it. */
export async function openSessionOver(
  model: Uint8Array,
  folder: string,
  device: Device,
): Promise<InferenceSession> {
  const extra = { session: { model_external_initializers_file_folder_path: folder } };
  return ort.InferenceSession.create(model, { ...sessionOptions(device), extra });
}

function adviceFor(message: string): string {
  if (/protobuf parsing failed|ModelProto does not have a graph/i.test(message)) {
    return '. The file is incomplete or no ONNX model: copy or download it again';
  }
  if (/external|No such file|file_size|does not exist/i.test(message)) {
    return '. The files with its weights (such as model.onnx_data) belong beside it, complete and under their own names';
  }
  return '';
}
