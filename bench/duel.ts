/**
 * @file Programs measured against each other on a noisy machine: each in a process of its own, which stays, works
 * when it is its turn and waits otherwise. What counts is the ratio within a round.
 *
 * A contestant prints `{"ready":true}` on a line when it has warmed up. For every line that it reads it works for a
 * moment and prints `{"units":…,"seconds":…}`. At the end of its input it prints `{"peakBytes":…}` and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Contestant {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** What one contestant did. */
export interface Tally {
  readonly name: string;
  /** Units a second, round by round. */
  readonly rates: readonly number[];
  readonly peakBytes: number;
}

/**
 * Lets contestants take turns for some rounds, in the order given and back again, so that none is always the one
 * after another.
 *
 * @throws where a contestant ends before its time, with what it wrote to standard error
 */
export async function duel(contestants: readonly Contestant[], rounds: number): Promise<Tally[]> {
  const players: Player[] = [];
  try {
    // One after the other: warming up disturbs.
    for (const contestant of contestants) players.push(await Player.start(contestant));
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? players : [...players].reverse();
      for (const player of order) await player.play();
    }
    const tallies: Tally[] = [];
    for (const player of players) tallies.push(await player.end());
    return tallies;
  } finally {
    for (const player of players) player.kill();
  }
}

/** Median of `a`'s rates over `b`'s, round by round, and the quartiles of it. */
export function ratio(a: readonly number[], b: readonly number[]): Quartiles {
  return quartiles(a.map((rate, round) => rate / (b[round] as number)));
}

export interface Quartiles {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] as number;
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

/** `1.08 [1.05, 1.10]` */
export function quartilesText({ low, median, high }: Quartiles): string {
  return `${median.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

class Player {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #rates: number[] = [];
  #errors = '';

  private constructor({ name, command: [program, ...args], env }: Contestant) {
    this.#name = name;
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stderr?.on('data', (text: Buffer) => (this.#errors += text.toString()));
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async start(contestant: Contestant): Promise<Player> {
    const player = new Player(contestant);
    try {
      await player.#answer();
      return player;
    } catch (error) {
      player.kill();
      throw error;
    }
  }

  async play(): Promise<void> {
    this.#child.stdin?.write('go\n');
    const { units, seconds } = await this.#answer();
    this.#rates.push((units as number) / (seconds as number));
  }

  async end(): Promise<Tally> {
    this.#child.stdin?.end();
    const { peakBytes } = await this.#answer();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return { name: this.#name, rates: this.#rates, peakBytes: peakBytes as number };
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  async #answer(): Promise<{ [key: string]: unknown }> {
    const next: IteratorResult<string, undefined> = await this.#lines.next();
    if (next.done === true)
      throw new Error(`${this.#name} ended before its time:\n${this.#errors.slice(-4000)}`);
    // Libraries print banners.
    if (!next.value.startsWith('{')) return this.#answer();
    return JSON.parse(next.value) as { [key: string]: unknown };
  }
}
