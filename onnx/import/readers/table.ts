/** @file Operators that are read as they are: the table has an entry of the same type. */
import { type Attributes, isComposite, type Operator } from '../../graph.js';
import { operators } from '../../operators/index.js';
import type { NodeCall, Reader } from '../reader.js';

const byType = new Map<string, Operator>();
for (const entry of operators.values()) {
  if (isComposite(entry)) continue;
  const key = `${entry.domain}:${entry.type}`;
  // Several entries may be written as one operator (Identity, Detach): the one that goes by its name is meant.
  if (!byType.has(key) || entry.name === entry.type) byType.set(key, entry);
}

/** Reads a node as the table's entry of its type, if there is one. */
export function fromTable({ domain, type }: NodeCall): Reader | undefined {
  const entry = byType.get(`${domain}:${type}`);
  if (entry === undefined) return undefined;
  return ({ graph, inputs, attributes }) => {
    const given: Attributes = {};
    for (const [name, kind] of Object.entries(entry.attributes)) {
      if (!attributes.has(name)) continue;
      if (kind === 'int') given[name] = attributes.int(name);
      else if (kind === 'float') given[name] = attributes.float(name);
      else if (kind === 'string') given[name] = attributes.string(name);
      else given[name] = attributes.ints(name);
    }
    return graph.emit(entry, inputs, given);
  };
}
