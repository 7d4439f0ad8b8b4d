/** @file The Temporal server that a command talks to: the local one, started where needed, or the one it is told. */
import { Client, Connection } from '@temporalio/client';
import { messageOf, EnvironmentError } from '../base/errors.js';
import { ensureSupervisor, lastSupervisor, runningSupervisor } from '../worker/supervisor-record.js';
import type { CommandContext } from './context.js';
import { note } from './output.js';

export interface Service {
  readonly client: Client;
  readonly address: string;
  /** The Temporal UI's address, where it is known. */
  readonly ui: string | undefined;
  close(): Promise<void>;
}

export interface SupervisorChoices {
  readonly idleMinutes: number;
  readonly cores?: number;
}

export const defaultSupervisor: SupervisorChoices = { idleMinutes: 30 };

/** The server of `--server`, or the local one, which is started where it does not run. */
export async function startService(context: CommandContext, choices = defaultSupervisor): Promise<Service> {
  if (context.server !== undefined) return connect(context, context.server, undefined);
  const { folder, storePath } = context;
  const local = await ensureSupervisor({ folder, store: storePath, ...choices }, note);
  return connect(context, local.address, local.ui);
}

/**
 * Whether the local supervisor is gone, which is seen sooner than that its server does not answer: `killed`, or
 * `closed` where somebody told it to end. Undefined while it runs, and for a server elsewhere.
 */
export async function supervisorGone(context: CommandContext): Promise<'killed' | 'closed' | undefined> {
  if (context.server !== undefined || (await runningSupervisor(context.folder)) !== undefined)
    return undefined;
  return (await lastSupervisor(context.folder))?.state === 'closed' ? 'closed' : 'killed';
}

/** The server if one runs; undefined where there is only a local one to look for and it is not up. */
export async function findService(context: CommandContext): Promise<Service | undefined> {
  if (context.server !== undefined) return connect(context, context.server, undefined);
  const record = await runningSupervisor(context.folder);
  if (record?.state !== 'ready') return undefined;
  return connect(context, record.address, record.ui);
}

async function connect(context: CommandContext, address: string, ui: string | undefined): Promise<Service> {
  let connection: Connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: '10 seconds' });
  } catch (error) {
    throw new EnvironmentError(
      `no Temporal server answers at ${address}: ${messageOf(error)}. ` +
        'Check --server, or leave it out to use a local server.',
      { cause: error },
    );
  }
  return {
    client: new Client({ connection, namespace: context.namespace }),
    address,
    ui,
    close: () => connection.close(),
  };
}

/** A workflow's page in the Temporal UI. */
export function pageOf(ui: string, namespace: string, workflowId: string): string {
  return `${ui}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
