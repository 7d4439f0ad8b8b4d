/** @file The one list of methods and of controls: whatever the files of this room define. */
import { readdir } from 'node:fs/promises';
import type { LabelWork } from './label-work.js';
import type { Loss } from './loss.js';
import type { Control, Method } from './method.js';

type Entry = Method | Control;

/** A file of methods/ exports as default what it defines: a method, a control, or several. */
async function definitions(): Promise<Entry[]> {
  const room = new URL('../', import.meta.url);
  const files = (await readdir(room)).filter((name) => /^[a-z0-9-]+\.(ts|js)$/.test(name)).sort();
  const modules = await Promise.all(
    files.map((name) => import(new URL(name, room).href) as Promise<{ default: Entry | Entry[] }>),
  );
  return modules.flatMap((module) => module.default);
}

function byName<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const named: Record<string, T> = {};
  for (const [name, entry] of entries) {
    if (Object.hasOwn(named, name)) throw new RangeError(`two methods define "${name}"`);
    named[name] = entry;
  }
  return named;
}

const all = await definitions();

export const methods: Readonly<Record<string, Method>> = byName(
  all.flatMap((entry) => (entry.role === 'method' ? [[entry.name, entry] as const] : [])),
);

export const controls: Readonly<Record<string, Control>> = byName(
  all.flatMap((entry) => (entry.role === 'control' ? [[entry.name, entry] as const] : [])),
);

/** The losses that come with Temper, by the name in a `LossChoice`. */
export const losses: Readonly<Record<string, Loss>> = byName(
  all.flatMap((entry) => Object.entries(entry.losses ?? {})),
);

/** The operations of label work that come with Temper, by the name in a `WorkRequest`. */
export const labelWork: Readonly<Record<string, LabelWork>> = byName(
  all.flatMap((entry) => Object.entries(entry.labelWork ?? {})),
);

const broughtEntries = new Map<string, BroughtEntry>();
const broughtLosses = new Map<string, Loss>();
const broughtWork = new Map<string, LabelWork>();

/** A user's method or control, and how this process tells its parts from others'. */
export interface BroughtEntry {
  readonly entry: Entry;
  /** The name under which a loss or an operation is known: its own parts' names are told apart, others' are not. */
  nameOf(name: string): string;
}

/** Makes known to this process a user's method, under the names that its stages have in their keys. */
export function registerEntry(entry: Entry, nameOf: (name: string) => string): void {
  const own = new Set([...Object.keys(entry.losses ?? {}), ...Object.keys(entry.labelWork ?? {})]);
  broughtEntries.set(nameOf(entry.name), { entry, nameOf: (name) => (own.has(name) ? nameOf(name) : name) });
  for (const [name, loss] of Object.entries(entry.losses ?? {})) broughtLosses.set(nameOf(name), loss);
  for (const [name, work] of Object.entries(entry.labelWork ?? {})) broughtWork.set(nameOf(name), work);
}

/** A loss, whatever it reads. */
export function anyLossNamed(name: string): Loss {
  const loss = broughtLosses.get(name) ?? losses[name];
  if (loss === undefined) throw new RangeError(`no method brings a loss "${name}"`);
  return loss;
}

/** A method or control by its name in a plan, with how its parts are named where a user brought it. */
export function entryNamed(name: string): { entry: Entry; brought?: BroughtEntry } {
  const brought = broughtEntries.get(name);
  if (brought !== undefined) return { entry: brought.entry, brought };
  const entry = methods[name] ?? controls[name];
  if (entry === undefined) throw new RangeError(`there is no method or control ${name}`);
  return { entry };
}

/** A loss that reads what its caller has to give; a mismatch is a fault of the method, not of the user. */
export function lossNamed<Reads extends Loss['reads']>(
  name: string,
  reads: Reads,
): Extract<Loss, { reads: Reads }> {
  const loss = anyLossNamed(name);
  if (loss.reads !== reads) throw new RangeError(`the loss "${name}" reads ${loss.reads}, not ${reads}`);
  return loss as Extract<Loss, { reads: Reads }>;
}

/** What a loss reads, by its name. */
export function readsOf(name: string): Loss['reads'] {
  const loss = broughtLosses.get(name) ?? losses[name];
  if (loss === undefined) throw new RangeError(`no method brings a loss "${name}"`);
  return loss.reads;
}

export function labelWorkNamed(name: string): LabelWork {
  const work = broughtWork.get(name) ?? labelWork[name];
  if (work === undefined) throw new RangeError(`no method brings label work "${name}"`);
  return work;
}
