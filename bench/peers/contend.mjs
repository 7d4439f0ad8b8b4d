/** @file What bench/contestant.ts is to ours, for programs of others: work when it is one's turn (see bench/duel.ts). */
import { createInterface } from 'node:readline';

/** @param {() => Promise<number>} work does some work and returns how many units it was */
export async function contend(work) {
  await work();
  await work();
  console.log(JSON.stringify({ ready: true }));
  for await (const _ of createInterface({ input: process.stdin })) {
    const begin = performance.now();
    const units = await work();
    console.log(JSON.stringify({ units, seconds: (performance.now() - begin) / 1000 }));
  }
  console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }));
}
