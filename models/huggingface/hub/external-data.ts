/** @file The files that an ONNX file keeps its weights in, as it names them itself. */
import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf, UserError } from '../../../base/errors.js';
import { type GraphProto, ModelProtoSchema, type TensorProto } from '../../../onnx/onnx_pb.js';

/**
 * Paths relative to the ONNX file's folder, each once, sorted.
 *
 * @throws UserError where the file is no ONNX file
 */
export async function externalFiles(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  let graph: GraphProto | undefined;
  try {
    ({ graph } = fromBinary(ModelProtoSchema, bytes));
  } catch (error) {
    throw new UserError(`${path} is not an ONNX file, or is cut off: ${messageOf(error)}`);
  }
  const found = new Set<string>();
  if (graph !== undefined) for (const tensor of tensorsOf(graph)) addLocation(tensor, found);
  return [...found].sort();
}

function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const { attribute } of graph.node) {
    for (const { t, tensors, g, graphs } of attribute) {
      if (t !== undefined) yield t;
      yield* tensors;
      for (const inner of g === undefined ? graphs : [g, ...graphs]) yield* tensorsOf(inner);
    }
  }
}

function addLocation({ externalData }: TensorProto, found: Set<string>): void {
  const location = externalData.find(({ key }) => key === 'location')?.value;
  if (location !== undefined && location !== '') found.add(location);
}
