/** @file Operators that are read as they are: the table has an entry of the same type. */
import type { Attributes } from '../../graph.js';
import { apply, entryOf } from '../../operators/index.js';
import { ShapeError } from '../../shape.js';
import type { NodeCall, Reader } from '../reader.js';

/** Attributes that change nothing here: the type in which sums are held, what old versions did with memory. */
const harmless = new Set(['stash_type', 'consumed_inputs', 'select_last_index', 'ratio', 'seed', 'layout']);

/** Reads a node as the table's entry of its type, if there is one. */
export function fromTable({ domain, type }: NodeCall): Reader | undefined {
  const entry = entryOf(type, domain);
  if (entry === undefined) return undefined;
  return ({ graph, inputs, attributes, opset }) => {
    const unknown = attributes.names().find((name) => !(name in entry.attributes) && !harmless.has(name));
    if (unknown !== undefined) {
      throw new ShapeError(
        `attribute "${unknown}" is not known for version ${opset} of the operator: export the model with a newer opset, 17 or later`,
      );
    }
    const given: Attributes = {};
    for (const [name, kind] of Object.entries(entry.attributes)) {
      if (!attributes.has(name)) continue;
      if (kind === 'int') given[name] = attributes.int(name);
      else if (kind === 'float') given[name] = attributes.float(name);
      else if (kind === 'string') given[name] = attributes.string(name);
      else given[name] = attributes.ints(name);
    }
    return apply(graph, entry, inputs, given);
  };
}
