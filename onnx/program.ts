/** @file A training program: forward, backward and optimizer of one architecture as one ONNX model. */
import { create } from '@bufbuild/protobuf';
import { sha256 } from '../base/json.js';
import { differentiate } from './differentiate.js';
import { encodeGraph, encodeModel, encodeScan, valueInfo } from './encode.js';
import { Graph, type Value, type ValueType } from './graph.js';
import { GraphProtoSchema } from './onnx_pb.js';
import { add, cast, div } from './operators/index.js';
import { optimize, type Optimizer, optimizerSlots } from './optimizer.js';
import type { Schedule } from './schedule.js';
import type { StoredParameter } from './stored.js';
import type { DataType } from './tensor.js';

/** A tensor that is trained, or that training only reads. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Default true. */
  readonly trainable?: boolean;
  /** Whether weight decay applies to it. Default: to matrices, not to vectors. */
  readonly decay?: boolean;
  /** Where its elements are, if they are in an ONNX file. */
  readonly stored?: StoredParameter;
}

/** What every step is fed. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Where in training the step stands. */
export interface Clock {
  /** 0-based number of the step, float32 scalar. */
  readonly step: Value;
  readonly steps: number;
  /** step / steps, in [0, 1); float32 scalar. */
  readonly progress: Value;
}

/** Finds a parameter or an input by name; throws for names that do not exist. */
export type Lookup = (name: string) => Value;

export interface TrainingDefinition {
  readonly parameters: readonly ParameterSpec[];
  readonly inputs: readonly InputSpec[];
  /** The scalar to make small, and scalars to report beside it. */
  loss(graph: Graph, parameters: Lookup, inputs: Lookup, clock: Clock): Loss;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Bound of the gradients' global norm; undefined: none. */
  readonly clipNorm?: number;
  /** Of the whole training, whatever part of it a process runs. */
  readonly steps: number;
}

export interface Loss {
  readonly loss: Value;
  readonly metrics?: Readonly<Record<string, Value>>;
}

/**
 * K steps are one `Scan` over K batches, K being the length of what is fed. On a CPU it gives the bits of K
 * single runs, and the state crosses into JavaScript once instead of K times.
 *
 * Names in the model: `parameter:NAME`, `SLOT:NAME`, `step` and `batch:NAME` go in, `next:…` comes out;
 * frozen parameters go in under their own names.
 */
export interface TrainingProgram {
  readonly model: Uint8Array;
  /** sha256 of the model. */
  readonly id: string;
  readonly parameters: readonly ParameterSpec[];
  readonly inputs: readonly InputSpec[];
  /** What the optimizer remembers for each trained parameter. */
  readonly slots: readonly string[];
  readonly metrics: readonly string[];
  readonly steps: number;
}

/** Builds the model that takes training steps. */
export function buildTrainingProgram(definition: TrainingDefinition): TrainingProgram {
  const { parameters, inputs, steps } = definition;
  const slots: readonly string[] = optimizerSlots[definition.optimizer.kind];
  const body = buildStep(definition, slots);
  const frozen = parameters.filter(({ trainable = true }) => !trainable);
  const state = stateNames(parameters, slots);
  const graph = create(GraphProtoSchema, {
    name: 'training',
    node: [
      encodeScan(
        encodeGraph('step', body.inputs, body.outputs),
        inputs.length,
        [...state.map(({ name }) => name), ...inputs.map(({ name }) => `batch:${name}`)],
        Object.keys(body.outputs).map(publicName),
      ),
    ],
    input: [
      ...frozen.map(({ name, shape }) => valueInfo(name, { dtype: 'float32', shape })),
      ...state.map(({ name, type }) => valueInfo(name, type)),
      ...inputs.map(({ name, dtype, shape }) =>
        valueInfo(`batch:${name}`, { dtype, shape: ['run', ...shape] }),
      ),
    ],
    output: [
      ...state.map(({ name, type }) => valueInfo(`next:${name}`, type)),
      ...body.reports.map((name) => valueInfo(name, { dtype: 'float32', shape: ['run'] })),
    ],
  });
  const model = encodeModel(graph);
  const metrics = body.reports.slice(2);
  return { model, id: sha256(model), parameters, inputs, slots, metrics, steps };
}

/** The state's names and types, in the order in which the model takes them: step, parameters, slot by slot. */
export function stateNames(
  parameters: readonly ParameterSpec[],
  slots: readonly string[],
): { name: string; type: ValueType & { shape: readonly number[] } }[] {
  const trained = parameters.filter(({ trainable = true }) => trainable);
  return [
    { name: 'step', type: { dtype: 'int64', shape: [] } },
    ...['parameter', ...slots].flatMap((kind) =>
      trained.map(({ name, shape }) => ({
        name: `${kind}:${name}`,
        type: { dtype: 'float32' as const, shape },
      })),
    ),
  ];
}

// Names within the body and around it must differ.
const inner = (name: string) => `${name}′`;
const publicName = (name: string) => (name.endsWith('′') ? name.slice(0, -1) : name);

/** One step: state and batch in, new state and reports out. */
function buildStep(definition: TrainingDefinition, slots: readonly string[]) {
  const { parameters, inputs, optimizer, schedule, clipNorm, steps } = definition;
  const graph = new Graph();
  const state = new Map(
    stateNames(parameters, slots).map(({ name, type }) => [
      name,
      graph.input(inner(name), type.dtype, type.shape),
    ]),
  );
  const batch = new Map(
    inputs.map(({ name, dtype, shape }) => [name, graph.input(inner(`batch:${name}`), dtype, shape)]),
  );
  const declared = [...graph.inputs];
  const stateOf = lookupIn(state, 'state');
  const weights = new Map(
    parameters.map(({ name, shape, trainable = true }) => [
      name,
      // A frozen parameter is not part of the body: it is found around it, by its name.
      trainable ? stateOf(`parameter:${name}`) : graph.input(name, 'float32', shape),
    ]),
  );

  const step = cast(stateOf('step'), 'float64');
  const clock = { step: cast(step, 'float32'), steps, progress: cast(div(step, steps), 'float32') };
  const { loss, metrics = {} } = definition.loss(
    graph,
    lookupIn(weights, 'parameter'),
    lookupIn(batch, 'input of the batch'),
    clock,
  );
  const trained = parameters.filter(({ trainable = true }) => trainable);
  const gradients = differentiate(
    loss,
    trained.map(({ name }) => weights.get(name) as Value),
  );
  const updates = trained.map(({ name, shape, decay = shape.length > 1 }, i) => ({
    parameter: weights.get(name) as Value,
    gradient: gradients[i] as Value,
    slots: Object.fromEntries(slots.map((slot) => [slot, stateOf(`${slot}:${name}`)])),
    decay,
  }));
  const { updated, gradientNorm } = graph.within('optimizer', () =>
    optimize(optimizer, updates, { step, steps, schedule, clipNorm }),
  );

  const next: Record<string, Value> = { [inner('next:step')]: add(stateOf('step'), 1) };
  trained.forEach(
    ({ name }, i) => (next[inner(`next:parameter:${name}`)] = (updated[i] as (typeof updated)[0]).parameter),
  );
  for (const slot of slots) {
    trained.forEach(({ name }, i) => {
      next[inner(`next:${slot}:${name}`)] = (updated[i] as (typeof updated)[0]).slots[slot] as Value;
    });
  }
  const reports: Record<string, Value> = { loss, gradientNorm, ...metrics };
  const reported = Object.entries(reports).map(
    ([name, value]) => [inner(name), cast(value, 'float32')] as const,
  );
  return {
    inputs: declared,
    outputs: { ...next, ...Object.fromEntries(reported) },
    reports: Object.keys(reports),
  };
}

function lookupIn(values: ReadonlyMap<string, Value>, kind: string): Lookup {
  return (name) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new Error(`there is no ${kind} named "${name}"; there are ${[...values.keys()].join(', ')}`);
  };
}
