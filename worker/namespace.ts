/** @file What Temper wants of a Temporal namespace: search attributes of the right types, and time to look back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msNumberToTs } from '@temporalio/common/lib/time.js';
import protocol, { type temporal } from '@temporalio/proto';
import { EnvironmentError, messageOf } from '../base/errors.js';

// CommonJS, whose names Node does not see.
const { IndexedValueType } = protocol.temporal.api.enums.v1;

const typeOf = {
  Text: IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Int: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  Double: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
} as const;

/** Name → type. */
export type SearchAttributes = Readonly<Record<string, keyof typeof typeOf>>;

export interface NamespaceWishes {
  /** Default: `default`. */
  namespace?: string;
  searchAttributes: SearchAttributes;
  /** Closed workflows are kept at least so long. Absent: as the namespace has it (it may be shared). */
  retentionDays?: number;
}

const secondsPerDay = 86_400;

/**
 * Registers the search attributes that a namespace lacks and raises its retention.
 *
 * @throws EnvironmentError when an attribute exists with another type or cannot be added.
 */
export async function prepareNamespace(connection: Connection, wishes: NamespaceWishes): Promise<void> {
  const namespace = wishes.namespace ?? 'default';
  if (wishes.retentionDays !== undefined) await raiseRetention(connection, namespace, wishes.retentionDays);
  await addSearchAttributes(connection, namespace, wishes.searchAttributes);
}

async function raiseRetention(connection: Connection, namespace: string, days: number): Promise<void> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  const seconds = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
  if (seconds >= days * secondsPerDay) return;
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msNumberToTs(days * secondsPerDay * 1000) },
  });
}

async function addSearchAttributes(
  connection: Connection,
  namespace: string,
  wanted: SearchAttributes,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const wrong: string[] = [];
  const missing: Record<string, temporal.api.enums.v1.IndexedValueType> = {};
  for (const [name, kind] of Object.entries(wanted)) {
    const present = customAttributes?.[name];
    if (present === undefined) missing[name] = typeOf[kind];
    // The server would accept the other type without a word, and then lose the values.
    else if (present !== typeOf[kind]) wrong.push(`${name} is ${nameOf(present)}, Temper needs ${kind}`);
  }
  if (wrong.length > 0)
    throw new EnvironmentError(
      `The Temporal namespace "${namespace}" has search attributes of other types: ${wrong.join('; ')}. ` +
        'Use another namespace (--namespace), or remove them: temporal operator search-attribute remove --name NAME',
    );
  if (Object.keys(missing).length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: missing });
  } catch (error) {
    throw new EnvironmentError(
      `The search attributes ${Object.keys(missing).join(', ')} cannot be added to the Temporal namespace ` +
        `"${namespace}": ${messageOf(error)}. An administrator can: temporal operator search-attribute create`,
    );
  }
  await untilUsable(connection, namespace, Object.keys(missing));
}

/** The server's parts learn of a new attribute one after the other; a workflow that sets it too early is refused. */
async function untilUsable(connection: Connection, namespace: string, names: string[]): Promise<void> {
  const query = names.map((name) => `${name} IS NULL`).join(' OR ');
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      if (attempt === 100)
        throw new EnvironmentError(`New search attributes do not appear: ${messageOf(error)}`);
    }
    await sleep(100);
  }
}

function nameOf(type: temporal.api.enums.v1.IndexedValueType): string {
  return Object.entries(typeOf).find(([, value]) => value === type)?.[0] ?? `of unknown type ${type}`;
}
