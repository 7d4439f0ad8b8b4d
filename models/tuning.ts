/** @file Training of any network as a graph: network, adapters, head and loss at some sizes. */
import type { TrainingDefinition } from '../onnx/definition.js';
import { mappedTensor } from '../onnx/definition.js';
import { Graph, type Value } from '../onnx/graph.js';
import { gatherUnique } from '../onnx/operators/index.js';
import type { Clock, InputSpec, Lookup, Loss, ParameterSpec } from '../onnx/program.js';
import { prune } from '../onnx/prune.js';
import { dropoutIn, dropoutInput } from './dropout.js';
import type { Lora } from './lora.js';
import type { TuningLoss } from './losses/loss.js';
import type { Network, NetworkInputs, SizedNetwork, Sizes } from './network.js';
import { type RowHead, rowHeadInputs, rowHeadLogits } from './network-heads.js';
import { placeInputs } from './token-places.js';

/** What is trained, apart from sizes and optimizer. */
export interface Subject {
  readonly network: Network;
  readonly loss: TuningLoss;
  /** A head of our own over the network's hidden states; none: what the network itself puts out is read. */
  readonly head: RowHead | undefined;
  readonly lora: Lora | undefined;
}

/** Sizes of one graph. */
export interface TuningSizes extends Sizes {
  /** Tokens with a loss: P; 0 where losses are of rows. */
  readonly places: number;
  /** Whether rows say where their tokens stand, and what segments they belong to. */
  readonly positions: boolean;
  readonly segments: boolean;
}

/** What messages call sizes. */
export function sizesText({ batch, length }: Sizes): string {
  return `${batch} ${batch === 1 ? 'row' : 'rows'} of ${length} tokens`;
}

/** A key under which graphs of the same sizes are kept. */
export function sizesKey({ batch, length, places, positions, segments }: TuningSizes): string {
  return [batch, length, places, Number(positions), Number(segments)].join(' ');
}

/** Everything that a step is fed. */
export function tuningInputs({ loss, head, lora }: Subject, sizes: TuningSizes): InputSpec[] {
  const { batch, length, places } = sizes;
  const perToken = (name: string): InputSpec => ({ name, dtype: 'int64', shape: [batch, length] });
  return [
    perToken('tokens'),
    perToken('mask'),
    ...(sizes.positions ? [perToken('positions')] : []),
    ...(sizes.segments ? [perToken('segments')] : []),
    ...(head === undefined ? [] : rowHeadInputs(head, sizes)),
    ...(loss.reads === 'tokens'
      ? [...placeInputs(places, sizes), ...(loss.inputs?.(sizes, places) ?? [])]
      : loss.inputs(sizes)),
    ...(lora !== undefined && (lora.config.dropout ?? 0) > 0 ? [dropoutInput(lora.linears.length)] : []),
  ];
}

/** The loss of a training step as the engine builds it. */
export function tuningLoss(
  subject: Subject,
  sized: SizedNetwork,
  sizes: TuningSizes,
  specs: ReadonlyMap<string, ParameterSpec>,
): TrainingDefinition['loss'] {
  const { loss, head, lora } = subject;
  return (graph, parameters, inputs, clock) => {
    const dropout = lora?.config.dropout ?? 0;
    const adapt = lora?.adapt(parameters, dropout > 0 ? dropoutIn(inputs('dropout'), dropout) : undefined);
    const outputs = sized.forward(
      graph,
      (name) => {
        const spec = specs.get(name);
        return { value: parameters(name), transposed: isTransposed(spec), asStored: isMapped(spec) };
      },
      networkInputs(sizes, inputs),
      adapt,
    );
    const call = { graph, inputs, clock };
    if (loss.reads === 'tokens') {
      if (outputs.kind !== 'language') throw wrongKind(outputs.kind, 'a language model');
      const all = sizes.places === sizes.batch * sizes.length;
      const read = all ? outputs.hidden : gatherUnique(outputs.hidden, inputs('places')); // [P, D]
      const [labels, weights, rows] = [inputs('labels'), inputs('weights'), inputs('rows')];
      return loss.build({ ...call, logits: outputs.head(read), labels, weights, rows });
    }
    return loss.build({ ...call, logits: rowLogits(head, outputs, parameters, inputs, sizes) });
  };
}

function rowLogits(
  head: RowHead | undefined,
  outputs: ReturnType<SizedNetwork['forward']>,
  parameters: Lookup,
  inputs: Lookup,
  sizes: Sizes,
): Value {
  if (outputs.kind === 'classification') {
    if (head === undefined) return outputs.logits;
    throw new Error(
      'a classifier that brings its own head cannot be given another: its hidden states are not known',
    );
  }
  if (head === undefined) throw wrongKind(outputs.kind, 'a classifier, or a head on top');
  return rowHeadLogits(head, outputs.hidden, parameters, inputs, sizes);
}

function wrongKind(kind: string, needed: string): Error {
  return new Error(`the loss needs ${needed}, and the model puts out ${kind}`);
}

function networkInputs(sizes: TuningSizes, inputs: Lookup): NetworkInputs {
  return {
    tokens: inputs('tokens'),
    mask: inputs('mask'),
    ...(sizes.positions ? { positions: inputs('positions') } : {}),
    ...(sizes.segments ? { segments: inputs('segments') } : {}),
  };
}

/** Parameters that stay in their file have the layout that they have there; all others PyTorch's. */
function isTransposed(spec: ParameterSpec | undefined): boolean {
  return isMapped(spec) && (spec?.stored?.transposed ?? false);
}

function isMapped(spec: ParameterSpec | undefined): boolean {
  return spec !== undefined && mappedTensor(spec) !== undefined;
}

/** Names of the parameters that the loss depends on: PyTorch leaves the others as they are. */
export function usedParameters(
  loss: (graph: Graph, parameters: Lookup, inputs: Lookup, clock: Clock) => Loss,
  parameters: readonly ParameterSpec[],
  inputs: readonly InputSpec[],
): ReadonlySet<string> {
  const graph = new Graph();
  const declare = (
    specs: readonly { name: string; shape: readonly number[]; dtype?: InputSpec['dtype'] }[],
    kind: string,
  ) =>
    new Map(
      specs.map(({ name, shape, dtype = 'float32' }) => [name, graph.input(`${kind}:${name}`, dtype, shape)]),
    );
  const weights = declare(parameters, 'parameter');
  const batch = declare(inputs, 'batch');
  const find = (values: ReadonlyMap<string, Value>) => (name: string) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new Error(`there is no "${name}"; there are ${[...values.keys()].join(', ')}`);
  };
  const clock: Clock = { step: graph.scalar(0), steps: 1, progress: graph.scalar(0) };
  const { total } = loss(graph, find(weights), find(batch), clock);
  const live = prune(graph, [total]).inputs;
  return new Set([...weights].filter(([, value]) => live.has(value)).map(([name]) => name));
}
