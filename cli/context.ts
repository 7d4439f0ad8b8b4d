/** @file Where a command works: the `.temper/` folder, the store, the server. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Store } from '../store/store.js';

/** The options that every command takes. */
export interface GlobalOptions {
  readonly folder: string;
  readonly store?: string;
  readonly server?: string;
  readonly namespace: string;
}

export interface CommandContext {
  /** `.temper/`, absolute. */
  readonly folder: string;
  /** The store's folder, absolute. */
  readonly storePath: string;
  /** The Temporal server to use instead of a local one. */
  readonly server: string | undefined;
  readonly namespace: string;
  openStore(options?: { create?: boolean }): Promise<Store>;
}

export function addGlobalOptions(program: Command): void {
  program
    .option(
      '--folder <path>',
      'where the local server, its database and the default store are kept',
      '.temper',
    )
    .option('--store <path>', 'the store of artifacts (default: <folder>/store)')
    .option('--server <address>', 'a Temporal server to use instead of a local one, as host:port')
    .option('--namespace <name>', 'the Temporal namespace', 'default');
}

/** What a command's options come to. */
export function contextOf(command: Command): CommandContext {
  const options: GlobalOptions = command.optsWithGlobals();
  const folder = resolve(options.folder);
  const storePath = resolve(options.store ?? join(folder, 'store'));
  return {
    folder,
    storePath,
    server: options.server,
    namespace: options.namespace,
    openStore: (how) => Store.open(storePath, how),
  };
}

/** For options that may be given again: each value is kept. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
