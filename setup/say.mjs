/** @file Lines for people while Temper sets itself up, on stderr so that a command's output stays its own. */

/** What failed, and the one thing to do about it. */
export class Failure extends Error {
  /** @param {string} what @param {string} remedy */
  constructor(what, remedy) {
    super(`${what}\n  To go on: ${remedy}`);
  }
}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`temper · ${line}\n`);
}

/** Says what begins, and how long it took once it is done. @template T @param {string} line @param {() => T} work */
export async function step(line, work) {
  say(line);
  const started = performance.now();
  const result = await work();
  say(`  done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}
