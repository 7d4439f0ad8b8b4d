/** @file The graph of a training step, or of a part of one: state and batch in, new state and reports out. */
import {
  type Clock,
  fedOf,
  type Lookup,
  mappedTensor,
  type ParameterSpec,
  stateNames,
  tensorNames,
  trainedOf,
  type TrainingDefinition,
} from './definition.js';
import { differentiate } from './differentiate.js';
import { Graph, type Value, type ValueType } from './graph.js';
import { add, cast, div, reduceSumSquare } from './operators/index.js';
import { optimize, slotsOf, type Update, type Updated } from './optimizer.js';
import { differentiateRecomputing } from './recompute.js';
import { inOrderOfAddition } from './run-order.js';

/** A graph with what goes in and what comes out, by the names that a session knows them by. */
export interface StepGraph {
  readonly inputs: readonly Value[];
  /** New state: `next:…`. */
  readonly next: Readonly<Record<string, Value>>;
  /** float32 scalars. */
  readonly reports: Readonly<Record<string, Value>>;
  /** Those among the reports that the loss brought along. */
  readonly metrics: readonly string[];
}

/** What names are in the model: within a Scan's body they have to differ from those around it. */
type Naming = (name: string) => string;

/** A whole step: the reports are loss, norm of the gradients, learning rate, and metrics. */
export function stepGraph(definition: TrainingDefinition, named: Naming = asIs): StepGraph {
  const slots = slotsOf(definition.optimizer);
  const builder = new Builder(definition, named);
  const state = builder.declare(stateNames(definition.parameters, slots), 'state');
  const { loss, metrics } = builder.loss(state);
  const gradients = builder.gradients(loss, state);
  const { next, gradientNorm, rate } = builder.update(state, gradients);
  return {
    inputs: builder.declared,
    next: { [named('next:step')]: add(state('step'), 1), ...next },
    reports: builder.reports({ loss, gradientNorm, learningRate: rate, ...metrics }, gradients),
    metrics: Object.keys(metrics),
  };
}

/**
 * A part of a step's batch: the gradients of the sum of its losses are added up. Reports that sum, how much counts,
 * the squares of all gradients so far, and metrics.
 */
export function accumulationGraph(definition: TrainingDefinition): StepGraph {
  const { parameters } = definition;
  const builder = new Builder(definition, asIs);
  const step = stateNames([], []);
  const state = builder.declare([...step, ...tensorNames('parameter', parameters)], 'state');
  const before = builder.declare(tensorNames('gradient', parameters), 'gradient');
  const { total, count, metrics } = builder.loss(state);
  const gradients = builder.gradients(total, state);
  const sums = trainedOf(parameters).map(({ name }, i) =>
    add(before(`gradient:${name}`), gradients[i] as Value),
  );
  const squares = sums.map((sum) => reduceSumSquare(sum)).reduce((sum, square) => add(sum, square));
  return {
    inputs: builder.declared,
    next: Object.fromEntries(
      trainedOf(parameters).map(({ name }, i) => [`next:gradient:${name}`, sums[i] as Value]),
    ),
    reports: builder.reports({ total, count, squares, ...metrics }, gradients, sums),
    metrics: Object.keys(metrics),
  };
}

/**
 * The step that gradients added up make, once divided by what counted. The new state may be written where the old
 * one was: each of its tensors is read by nothing after what computes the new one.
 */
export function applicationGraph(definition: Omit<TrainingDefinition, 'loss' | 'inputs'>): StepGraph {
  const { parameters, optimizer } = definition;
  const builder = new Builder({ ...definition, inputs: [] }, asIs);
  const state = builder.declare(stateNames(parameters, slotsOf(optimizer)), 'state');
  const sums = builder.declare(tensorNames('gradient', parameters), 'gradient');
  const count = builder.declare([{ name: 'count', type: { dtype: 'float32', shape: [] } }], 'input')('count');
  const gradients = trainedOf(parameters).map(({ name }) => sums(`gradient:${name}`));
  const { next, gradientNorm, rate } = builder.update(state, gradients, div(1, count));
  return {
    inputs: builder.declared,
    next,
    reports: builder.reports({ gradientNorm, learningRate: rate }),
    metrics: [],
  };
}

const asIs: Naming = (name) => name;

/** The graph that applies gradients has no loss. */
type Settings = Omit<TrainingDefinition, 'loss'> & Partial<Pick<TrainingDefinition, 'loss'>>;

/** What the three graphs have in common. */
class Builder {
  readonly graph = new Graph();
  readonly declared: Value[] = [];
  readonly #definition: Settings;
  readonly #named: Naming;
  /** What the forward pass starts from. */
  readonly #read: { weights: Value[]; data: Value[] } = { weights: [], data: [] };

  constructor(definition: Settings, named: Naming) {
    this.#definition = definition;
    this.#named = named;
  }

  declare(names: readonly { name: string; type: ValueType }[], kind: string): Lookup {
    const values = names.map(({ name, type }) => {
      return [name, this.graph.input(this.#named(name), type.dtype, type.shape)] as const;
    });
    this.declared.push(...values.map(([, value]) => value));
    return lookupIn(new Map(values), kind);
  }

  loss(state: Lookup) {
    const { inputs, steps } = this.#definition;
    const batches = inputs.map(({ name, dtype, shape }) => ({
      name: `batch:${name}`,
      type: { dtype, shape },
    }));
    const batch = this.declare(batches, 'input of the batch');
    this.#read.data.push(...inputs.map(({ name }) => batch(`batch:${name}`)));
    const step = cast(state('step'), 'float64');
    const clock: Clock = {
      step: cast(step, 'float32'),
      steps,
      progress: cast(div(step, steps), 'float32'),
    };
    const parameters = this.#parameters(state);
    this.#read.weights.push(...parameters.values());
    const build = this.#definition.loss as TrainingDefinition['loss'];
    const {
      total,
      count,
      metrics = {},
    } = build.call(
      this.#definition,
      this.graph,
      lookupIn(parameters, 'parameter'),
      (name) => batch(`batch:${name}`),
      clock,
    );
    return {
      total,
      count: count ?? this.graph.scalar(1),
      loss: count === undefined ? total : div(total, count),
      metrics,
    };
  }

  #parameters(state: Lookup): Map<string, Value> {
    const { parameters } = this.#definition;
    const fed = new Set(fedOf(parameters));
    return new Map(
      parameters.map((spec) => {
        const { name, shape, trainable = true } = spec;
        if (trainable) return [name, state(`parameter:${name}`)];
        // Within a Scan, what is fed is found around the body, by its name, and is no input of the body.
        if (fed.has(spec)) return [name, this.#frozen(name, shape)];
        const tensor = mappedTensor(spec);
        if (tensor === undefined) throw new Error(`parameter ${name} comes from nowhere`);
        const value = this.graph.stored(tensor);
        return [name, ['float16', 'bfloat16'].includes(value.dtype) ? cast(value, 'float32') : value];
      }),
    );
  }

  #frozen(name: string, shape: readonly number[]): Value {
    const value = this.graph.input(name, 'float32', shape);
    if (this.#named === asIs) this.declared.push(value);
    return value;
  }

  gradients(scalar: Value, state: Lookup): Value[] {
    const { parameters, recompute = false } = this.#definition;
    const trained = trainedOf(parameters).map(({ name }) => state(`parameter:${name}`));
    return recompute ? differentiateRecomputing(scalar, trained, this.#read) : differentiate(scalar, trained);
  }

  update(state: Lookup, gradients: readonly Value[], gradientScale?: Value) {
    const { parameters, optimizer, schedule, clipNorm, steps } = this.#definition;
    const slots = slotsOf(optimizer);
    const trained = trainedOf(parameters);
    const updates = trained.map(({ name, shape, decay = shape.length > 1 }: ParameterSpec, i): Update => ({
      parameter: state(`parameter:${name}`),
      gradient: gradients[i] as Value,
      slots: Object.fromEntries(slots.map((slot) => [slot, state(`${slot}:${name}`)])),
      decay,
    }));
    const step = cast(state('step'), 'float64');
    const { updated, gradientNorm, rate } = this.graph.within('optimizer', () =>
      optimize(optimizer, updates, { step, steps, schedule, clipNorm, gradientScale }),
    );
    const next = ['parameter', ...slots].flatMap((kind) =>
      trained.map(({ name }, i) => {
        const { parameter, slots: now } = updated[i] as Updated;
        return [this.#named(`next:${kind}:${name}`), kind === 'parameter' ? parameter : (now[kind] as Value)];
      }),
    );
    return { next: Object.fromEntries(next) as Record<string, Value>, gradientNorm, rate };
  }

  /** The scalars that are put out; the last nodes of the graph. */
  reports(
    values: Readonly<Record<string, Value>>,
    gradients: readonly Value[] = [],
    results = gradients,
  ): Record<string, Value> {
    const scalars = Object.entries(values).map(([name, value]) => [name, cast(value, 'float32')] as const);
    // What is computed again has to be used up before more is; where everything is kept, the order wins nothing.
    const ordered = this.#definition.recompute === true && gradients.length > 0;
    const order = ordered ? inOrderOfAddition(gradients, results) : undefined;
    const all = order === undefined ? scalars : [...scalars, ['order', order] as const];
    return Object.fromEntries(all.map(([name, value]) => [this.#named(name), value]));
  }
}

function lookupIn(values: ReadonlyMap<string, Value>, kind: string): Lookup {
  return (name) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new Error(`there is no ${kind} named "${name}"; there are ${[...values.keys()].join(', ')}`);
  };
}
