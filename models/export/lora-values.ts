/** @file The weights that adapters make of a network's: W + scale·B·A, computed when they are written. */
import { UserError } from '../../base/errors.js';
import type { ParameterSpec } from '../../onnx/definition.js';
import { adapterName, mergeAdapter } from '../lora.js';
import type { Linear } from '../network.js';
import type { Adapter, AdapterModule } from './adapter.js';
import type { NewValue } from './parts.js';
import type { Parameter } from './stored-form.js';

export interface MergeInto {
  readonly linears: readonly Linear[];
  readonly parameters: readonly ParameterSpec[];
  /** The elements of a parameter before the adapter. */
  readonly read: (spec: ParameterSpec) => Promise<Parameter>;
}

/** An adapter's layers, and the modules that were trained whole. */
interface MergedAdapter {
  readonly modules: readonly Pick<AdapterModule, 'name' | 'scale' | 'a' | 'b'>[];
  readonly saved: Adapter['saved'];
}

/**
 * New values of all parameters that an adapter changes, for writeMerged and writePytorch.
 *
 * @throws UserError where the network has no such layer, or one of other sizes
 */
export function mergedValues(network: MergeInto, { modules, saved }: MergedAdapter): Map<string, NewValue> {
  const linears = new Map(network.linears.map((linear) => [linear.name, linear]));
  const specs = new Map(network.parameters.map((spec) => [spec.name, spec]));
  const values = new Map<string, NewValue>();
  for (const { name, a, b, scale } of modules) {
    const linear = linears.get(name);
    const spec = linear === undefined ? undefined : specs.get(linear.weight);
    if (linear === undefined || spec === undefined)
      throw new UserError(
        `The adapter is for a layer ${name}, which the model lacks. It has ${[...linears.keys()].slice(0, 4).join(', ')}, …`,
      );
    if (a.shape[1] !== linear.inFeatures || b.shape[0] !== linear.outFeatures)
      throw new UserError(
        `The adapter of ${name} is for ${a.shape[1]} → ${b.shape[0]} features, and the model's layer for ${linear.inFeatures} → ${linear.outFeatures}: it belongs to another model`,
      );
    const adapters = { [adapterName(name, 'A')]: a, [adapterName(name, 'B')]: b };
    values.set(spec.name, async () => mergeAdapter(await network.read(spec), linear, adapters, scale));
  }
  for (const [name, value] of saved) values.set(name, value);
  return values;
}
