/** @file The other end of duel.ts: a program of ours that works when it is its turn. */
import { createInterface } from 'node:readline';

/**
 * @param work does some work and returns how many units (tokens, rows) it was
 */
export async function contend(work: () => Promise<number>): Promise<void> {
  await work(); // memory is claimed the first time
  await work();
  console.log(JSON.stringify({ ready: true }));
  for await (const _ of createInterface({ input: process.stdin })) {
    const begin = performance.now();
    const units = await work();
    console.log(JSON.stringify({ units, seconds: (performance.now() - begin) / 1000 }));
  }
  console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }));
}
