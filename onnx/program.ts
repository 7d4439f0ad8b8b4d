/** @file A training program: forward, backward and optimizer of one architecture at one size as an ONNX model. */
import { dirname } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { sha256 } from '../base/json.js';
import {
  fedOf,
  type InputSpec,
  type ParameterSpec,
  stateNames,
  type TrainingDefinition,
} from './definition.js';
import type { DeviceKind } from './device.js';
import { encodeGraph, encodeModel, encodeScan, valueInfo } from './encode.js';
import type { Value } from './graph.js';
import { lowered } from './lowering.js';
import { peakBytes } from './memory.js';
import { type GraphProto, GraphProtoSchema, TensorProto_DataLocation } from './onnx_pb.js';
import { slotsOf } from './optimizer.js';
import { prune } from './prune.js';
import { accumulationGraph, applicationGraph, type StepGraph, stepGraph } from './step-graph.js';

export type { Clock, InputSpec, Lookup, Loss, ParameterSpec, TrainingDefinition } from './definition.js';

/**
 * What one run of a program does.
 *
 * - `scan`: K steps as one `Scan` over K batches, K being the length of what is fed. On a CPU it gives the bits of K
 *   single runs, and the state crosses into JavaScript once instead of K times.
 * - `step`: one step, without a Scan, which not every device has.
 * - `accumulate`: a part of a step's batch, whose gradients are added to those of the parts before it.
 * - `apply`: the step that the accumulated gradients make. It needs no batch, and is the same for all sizes.
 */
export type ProgramForm = 'scan' | 'step' | 'accumulate' | 'apply';

/**
 * Names in the model: `parameter:NAME`, `SLOT:NAME`, `gradient:NAME`, `step`, `count` and `batch:NAME` go in, `next:…`
 * and reports come out; frozen parameters go in under their own names, or stay in their files.
 */
export interface TrainingProgram {
  readonly form: ProgramForm;
  readonly model: Uint8Array;
  /** sha256 of the model and of where its files are. */
  readonly id: string;
  readonly parameters: readonly ParameterSpec[];
  readonly inputs: readonly InputSpec[];
  /** What the optimizer remembers for each trained parameter. */
  readonly slots: readonly string[];
  /** Outputs that the next run is fed: `next:…`, the number of steps aside. */
  readonly state: readonly string[];
  /** Scalars that a run reports. */
  readonly reports: readonly string[];
  /** Those among them that the loss brought along. */
  readonly metrics: readonly string[];
  readonly steps: number;
  readonly sizes: string | undefined;
  /** The folder of the files that hold tensors which are not in the model. */
  readonly folder: string | undefined;
  /** Bytes in those files. */
  readonly storedBytes: number;
  /** Those among them that are packed integers. */
  readonly integerBytes: number;
  /** About how many bytes a run needs at once, beside the state. */
  readonly workingBytes: number;
}

/**
 * Builds the model that takes training steps, or a part of one.
 *
 * @param device what it will run on: operators that a device lacks are left out of its model
 */
export function buildTrainingProgram(
  definition: TrainingDefinition,
  form: ProgramForm = 'scan',
  device: DeviceKind = 'cpu',
): TrainingProgram {
  if (!definition.parameters.some(({ trainable = true }) => trainable)) {
    throw new RangeError('a training needs at least one parameter that is trained');
  }
  const part = partOf(definition, form);
  const { inputs, outputs } = lowered(part.inputs, { ...part.next, ...part.reports }, device);
  const encoded = encodeGraph('training', inputs, outputs);
  const graph = form === 'scan' ? scanOver(encoded, definition, part) : encoded;
  const model = encodeModel(graph);
  const live = prune((Object.values(outputs)[0] as Value).graph, Object.values(outputs));
  const files = live.stored.flatMap(({ stored }) =>
    stored?.location === undefined ? [] : [stored.location],
  );
  const folder = commonFolder(files.map(({ file }) => file));
  return {
    form,
    model,
    id: sha256(model) + (folder ?? ''),
    parameters: definition.parameters,
    inputs: form === 'apply' ? [] : definition.inputs,
    slots: slotsOf(definition.optimizer),
    state: Object.keys(part.next)
      .map(outerName)
      .filter((name) => name !== 'next:step'),
    reports: Object.keys(part.reports).map(outerName),
    metrics: part.metrics,
    steps: definition.steps,
    sizes: definition.sizes,
    folder,
    storedBytes: files.reduce((sum, { length }) => sum + length, 0),
    integerBytes: live.stored
      .filter(({ dtype }) => dtype === 'uint8')
      .reduce((sum, { stored }) => sum + (stored?.location?.length ?? 0), 0),
    workingBytes: peakBytes(live),
  };
}

function partOf(definition: TrainingDefinition, form: ProgramForm): StepGraph {
  switch (form) {
    case 'scan':
      return stepGraph(definition, innerName);
    case 'step':
      return stepGraph(definition);
    case 'accumulate':
      return accumulationGraph(definition);
    case 'apply':
      return applicationGraph(definition);
  }
}

// Names within a Scan's body and around it must differ.
const innerName = (name: string) => `${name}′`;
const outerName = (name: string) => (name.endsWith('′') ? name.slice(0, -1) : name);

function scanOver(body: GraphProto, definition: TrainingDefinition, part: StepGraph): GraphProto {
  const { parameters, inputs } = definition;
  const state = stateNames(parameters, slotsOf(definition.optimizer));
  // What is in other files is declared once, around the body.
  const isExternal = ({ dataLocation }: GraphProto['initializer'][number]) =>
    dataLocation === TensorProto_DataLocation.EXTERNAL;
  const external = body.initializer.filter(isExternal);
  body.initializer = body.initializer.filter((tensor) => !isExternal(tensor));
  return create(GraphProtoSchema, {
    name: 'training',
    node: [
      encodeScan(
        body,
        inputs.length,
        [...state.map(({ name }) => name), ...inputs.map(({ name }) => `batch:${name}`)],
        body.output.map(({ name }) => outerName(name)),
      ),
    ],
    input: [
      ...fedOf(parameters).map(({ name, shape }) => valueInfo(name, { dtype: 'float32', shape })),
      ...state.map(({ name, type }) => valueInfo(name, type)),
      ...inputs.map(({ name, dtype, shape }) =>
        valueInfo(`batch:${name}`, { dtype, shape: ['run', ...shape] }),
      ),
    ],
    output: [
      ...state.map(({ name, type }) => valueInfo(`next:${name}`, type)),
      ...Object.keys(part.reports).map((name) =>
        valueInfo(outerName(name), { dtype: 'float32', shape: ['run'] }),
      ),
    ],
    initializer: external,
  });
}

/** ONNX Runtime is told one folder to find files in. */
function commonFolder(files: readonly string[]): string | undefined {
  const folders = [...new Set(files.map((file) => dirname(file)))];
  if (folders.length > 1) {
    throw new Error(`the files of a model have to be in one folder, and are in ${folders.join(', ')}`);
  }
  return folders[0];
}
