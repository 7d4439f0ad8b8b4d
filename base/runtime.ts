/** @file What computed a number: versions and instruction set, as manifests record them. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from './folders.js';

const require = createRequire(import.meta.url);

function versionIn(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** The widest vector instructions of this processor: what decides in which order sums are added. */
function instructionSet(): string {
  let flags: string;
  try {
    flags = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    // Not Linux: the architecture alone has to do.
    return arch();
  }
  const sets = ['amx_tile', 'avx512f', 'avx2', 'avx', 'sve', 'asimd'];
  const widest = sets.find((set) => new RegExp(`\\b${set}\\b`).test(flags));
  return widest === undefined ? arch() : `${arch()} ${widest}`;
}

/** Versions of everything that a result's bytes depend on. */
export const runtime: Readonly<Record<string, string>> = {
  temper: versionIn(join(packageRoot(), 'package.json')),
  node: process.version,
  onnxruntime: versionIn(require.resolve('onnxruntime-node/package.json')),
  cpu: instructionSet(),
};
