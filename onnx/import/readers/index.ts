/** @file The registry of readers: how each operator of a foreign file becomes operators of the table. */
import { UserError } from '../../../base/errors.js';
import type { NodeCall, Reader, Readers } from '../reader.js';
import { activation } from './activation.js';
import { attention } from './attention.js';
import { linalg } from './linalg.js';
import { maskedSoftmax } from './masked-softmax.js';
import { movement } from './movement.js';
import { normalization } from './normalization.js';
import { patterns } from './patterns.js';
import { plain } from './plain.js';
import { quantized } from './quantized.js';
import { rotary } from './rotary.js';
import { fromTable } from './table.js';

/** One entry per family; a family is a file. */
const families: readonly Readers[] = [
  plain,
  movement,
  linalg,
  maskedSoftmax,
  patterns,
  attention,
  rotary,
  normalization,
  activation,
  quantized,
];

const readers: ReadonlyMap<string, Reader> = new Map(families.flatMap((family) => Object.entries(family)));

/** The key of an operator among the readers: `Type`, or `domain:Type` outside of ONNX's own domain. */
function keyOf({ domain, type }: NodeCall): string {
  return domain === '' ? type : `${domain}:${type}`;
}

/**
 * The reader of a node: one of the registry, else the table's entry of the same type, its attributes taken by name.
 *
 * @throws UserError for an operator that neither has
 */
export function readerOf(call: NodeCall): Reader {
  const reader = readers.get(keyOf(call)) ?? fromTable(call);
  if (reader !== undefined) return reader;
  const where = call.domain === '' ? "ONNX's own domain" : `the domain ${call.domain}`;
  throw new UserError(
    `node "${call.name}" is a ${call.type} of ${where}, version ${call.opset}, which Temper cannot train through: ` +
      'export the model without that operator (for torch.onnx.export: eager attention, no custom operators; for ' +
      'ONNX Runtime GenAI or Olive: without graph optimizations), or add a reader for it (docs/engine.md shows how)',
  );
}
