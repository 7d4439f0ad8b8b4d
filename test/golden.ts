/** @file What of an artifact is compared with a committed one: its bytes, or, computed on another machine, its content. */
import { readFile } from 'node:fs/promises';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { canonicalJson, sha256 } from '../base/json.js';
import { runtime } from '../base/runtime.js';
import { readSafetensors } from '../onnx/safetensors.js';
import type { Artifact } from '../store/store.js';

/** Everything that an artifact's bytes depend on beside the code: Parquet's pages are as Node's zlib packs them. */
export const machine = `${runtime['cpu']}, onnxruntime ${runtime['onnxruntime']}, zlib ${process.versions.zlib}`;

/** A file's content: what must be the same everywhere, and numbers that may differ in their last digits. */
export interface Reading {
  /** sha256 of everything that is not a fraction. */
  readonly text: string;
  readonly numbers: number[];
}

/** The content of every file of an artifact. */
export async function readingOf(artifact: Artifact): Promise<Record<string, Reading>> {
  const readings: Record<string, Reading> = {};
  for (const { path } of artifact.manifest.files) readings[path] = await readFileContent(artifact.path(path));
  return readings;
}

async function readFileContent(path: string): Promise<Reading> {
  if (path.endsWith('.json')) return readValue(JSON.parse(await readFile(path, 'utf8')));
  if (path.endsWith('.parquet'))
    return readValue(await parquetReadObjects({ file: await asyncBufferFromFile(path), compressors }));
  if (path.endsWith('.safetensors')) return readWeights(await readFile(path), path);
  // The exported graph is its model's weights once more.
  return { text: '', numbers: [] };
}

/** Whole numbers are text: counts and labels are the same everywhere. */
function readValue(value: unknown): Reading {
  const numbers: number[] = [];
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (typeof inner !== 'number' || Number.isInteger(inner)) return inner;
    numbers.push(Number(inner.toPrecision(7)));
    return 'fraction';
  });
  return { text: sha256(text), numbers };
}

/** Of each tensor its root mean square, and its mean with weights that tell places apart. */
function readWeights(bytes: Uint8Array, what: string): Reading {
  const { tensors } = readSafetensors(bytes, what);
  const names = Object.keys(tensors).sort();
  const numbers = names.flatMap((name) => {
    const values = Array.from(tensors[name]!.data, Number);
    const meanOf = (of: (value: number, place: number) => number): number =>
      values.reduce((sum, value, place) => sum + of(value, place), 0) / values.length;
    const square = meanOf((value) => value * value);
    return [Math.sqrt(square), meanOf((value, place) => value * Math.cos(place))];
  });
  const shapes = names.map((name) => [name, [...tensors[name]!.shape]]);
  return { text: sha256(canonicalJson(shapes)), numbers: numbers.map((x) => Number(x.toPrecision(6))) };
}

/**
 * The largest distance that rounding may make in the numbers of the tiny models: Adam turns noise in a gradient that
 * is almost zero (as a key bias's is) into a step of up to the learning rate.
 */
const tolerance = 0.002;

/** Whether two contents are the same within rounding. */
export function isClose(a: Reading, b: Reading): boolean {
  return (
    a.text === b.text &&
    a.numbers.length === b.numbers.length &&
    a.numbers.every((number, index) => Math.abs(number - b.numbers[index]!) <= tolerance)
  );
}
