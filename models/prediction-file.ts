/** @file Predictions as a file that is there when it is whole: JSONL, CSV or Parquet by its ending. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnvironmentError, messageOf, UserError } from '../base/errors.js';
import { type ColumnType, writeParquet } from '../datasets/parquet.js';
import type { Prediction } from './classify.js';

type Write = (path: string, predictions: AsyncIterable<Prediction>) => Promise<number>;

const writers: Readonly<Record<string, Write>> = {
  '.jsonl': (path, predictions) => writeLines(path, jsonLines(predictions)),
  '.ndjson': (path, predictions) => writeLines(path, jsonLines(predictions)),
  '.csv': (path, predictions) => writeLines(path, csvLines(predictions)),
  '.parquet': parquet,
};

/** @throws UserError for an ending that stands for no format, before anything is computed */
export function checkPredictionPath(path: string): void {
  if (Object.hasOwn(writers, extname(path).toLowerCase())) return;
  throw new UserError(`${path}: predictions are written as ${Object.keys(writers).join(', ')}`);
}

/** Writes all predictions and returns how many there were. */
export async function writePredictions(
  path: string,
  predictions: AsyncIterable<Prediction>,
): Promise<number> {
  checkPredictionPath(path);
  const write = writers[extname(path).toLowerCase()] as Write;
  return write(path, predictions);
}

/** A line of JSON for each prediction. */
export async function* jsonLines(predictions: AsyncIterable<Prediction>): AsyncGenerator<string> {
  for await (const prediction of predictions) yield `${JSON.stringify(prediction)}\n`;
}

async function* csvLines(predictions: AsyncIterable<Prediction>): AsyncGenerator<string> {
  let header: string[] | undefined;
  for await (const prediction of predictions) {
    if (header === undefined) {
      header = Object.keys(prediction);
      yield `${header.join(',')}\n`;
    }
    yield `${Object.values(prediction).map(csvCell).join(',')}\n`;
  }
}

function csvCell(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const beside = `${path}.${process.pid}.tmp`;
  let count = 0;
  const counted = async function* (): AsyncGenerator<string> {
    for await (const line of lines) {
      count++;
      yield line;
    }
  };
  try {
    await pipeline(Readable.from(counted()), createWriteStream(beside, { flush: true }));
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw isSystemError(error)
      ? new EnvironmentError(`${path} cannot be written: ${messageOf(error)}`)
      : error;
  }
  return path.toLowerCase().endsWith('.csv') ? Math.max(0, count - 1) : count;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function parquet(path: string, predictions: AsyncIterable<Prediction>): Promise<number> {
  const rows: Record<string, unknown>[] = [];
  for await (const prediction of predictions) rows.push(parquetRow(path, prediction));
  const first = rows[0] ?? {};
  const columns = Object.fromEntries(Object.entries(first).map(([name, value]) => [name, columnType(value)]));
  await writeParquet(path, columns, rows as never);
  return rows.length;
}

/** Parquet's lists here hold no nulls: what is not predicted is NaN. */
function parquetRow(path: string, prediction: Prediction): Record<string, unknown> {
  if ('logprobs' in prediction) return { logprobs: prediction.logprobs.map((logprob) => logprob ?? NaN) };
  if ('logits' in prediction && Array.isArray(prediction.logits[0])) {
    throw new UserError(`${path}: logits of each token are lists of lists; write them as .jsonl`);
  }
  return { ...prediction };
}

function columnType(value: unknown): ColumnType {
  if (Array.isArray(value)) return 'list<double>';
  if (typeof value === 'string') return 'string';
  return 'double';
}
