/** @file What a sweep costs beyond its computing: seconds of overhead a stage, peak memory of each process. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { entryPoint, packageRoot } from '../base/folders.js';
import type { Results, StageTiming } from '../report/results.js';

/** Two cells of the quickstart with hardly any training: what is left is mostly overhead. */
const sets = [
  'seeds=1',
  'tasks.dialects.dialect=[0,1]',
  'tasks.dialects.documents=640',
  'models.weak.pretrain.steps=2',
  'models.strong.pretrain.steps=2',
  'finetune.steps=10',
];

const run = promisify(execFile);

/** What `npm run bench` prints about a sweep. */
export async function benchSweep(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'temper-bench-'));
  const temper = (...args: string[]): Promise<{ stdout: string }> =>
    run(process.execPath, [entryPoint('cli/main'), '--folder', folder, ...args], { maxBuffer: 1 << 28 });
  try {
    const file = join(packageRoot(), 'sweeps', 'quickstart.yaml');
    const asked = sets.flatMap((set) => ['--set', set]);
    const began = performance.now();
    const { stdout } = await temper('run', file, '--json', ...asked);
    const seconds = (performance.now() - began) / 1000;
    const memory = await peakMemory(folder);
    const again = performance.now();
    await temper('run', file, '--json', ...asked);
    const secondsCached = (performance.now() - again) / 1000;

    const { timings } = JSON.parse(stdout) as Results;
    const { busy, makespan, workers, largest } = occupation(timings.filter(({ kind }) => kind !== 'score'));
    const overhead = (makespan * workers - busy) / timings.length;
    console.log(
      `A sweep of ${timings.length} stages on ${workers} compute workers: ${seconds.toFixed(1)} s in all, ` +
        `${makespan.toFixed(1)} s from the first stage to the last; again, from the store: ${secondsCached.toFixed(1)} s`,
    );
    console.log(
      `Overhead a stage: ${overhead.toFixed(3)} s of a worker's time beyond its computing, waiting for inputs ` +
        `included (median gap between stages of a worker: ${largest.toFixed(3)} s)`,
    );
    const table = new Table({ head: ['process', 'peak memory, MB'], style: { head: [] } });
    for (const [name, megabytes] of memory)
      table.push([name, { content: megabytes.toFixed(0), hAlign: 'right' }]);
    console.log(table.toString());
  } finally {
    await temper('down');
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds that workers computed, and the wall time around it. */
function occupation(timings: readonly StageTiming[]): {
  busy: number;
  makespan: number;
  workers: number;
  largest: number;
} {
  const byWorker = new Map<string, { start: number; end: number }[]>();
  for (const { worker, started, finished } of timings) {
    const list = byWorker.get(worker) ?? [];
    byWorker.set(worker, list);
    list.push({ start: Date.parse(started) / 1000, end: Date.parse(finished) / 1000 });
  }
  const all = [...byWorker.values()].flat();
  const gaps = [...byWorker.values()].flatMap((list) => {
    list.sort((a, b) => a.start - b.start);
    return list.slice(1).map(({ start }, index) => start - list[index]!.end);
  });
  gaps.sort((a, b) => a - b);
  return {
    busy: all.reduce((sum, { start, end }) => sum + end - start, 0),
    makespan: Math.max(...all.map(({ end }) => end)) - Math.min(...all.map(({ start }) => start)),
    workers: byWorker.size,
    largest: gaps[gaps.length >> 1] ?? 0,
  };
}

/** VmHWM of every process whose command line names the folder (Linux). */
async function peakMemory(folder: string): Promise<[string, number][]> {
  if (process.platform !== 'linux') return [];
  const found: [string, number][] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      if (!command.some((argument) => argument.includes(folder))) continue;
      const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
      if (peak !== null) found.push([nameOf(command), Number(peak[1]) / 1024]);
    } catch {
      // Ended while we looked.
    }
  }
  return found.sort(([a], [b]) => a.localeCompare(b));
}

function nameOf(command: readonly string[]): string {
  const line = command.join(' ');
  if (line.includes('start-dev'))
    return command[0] === 'sh' || command[0] === '/bin/sh' ? 'server watch' : 'Temporal server';
  const label = /"label":"([^"]+)"/.exec(line)?.[1] ?? '';
  if (line.includes('worker/executor')) return `executor ${label}`;
  if (line.includes('worker/main'))
    return label === 'orchestrator' ? 'orchestrator worker' : `compute worker ${label}`;
  return line.includes('worker/supervisor') ? 'supervisor' : 'command line';
}
