/** @file The plan: the pure function from a sweep to its trials and their stages. */
import { UserError } from '../base/errors.js';
import { hashOf, type JsonObject } from '../base/json.js';
import { taskNamed } from '../datasets/tasks.js';
import type { AnswerKind, TaskDefinition } from '../datasets/task.js';
import type { Described, MethodTask } from '../methods/definition/method.js';
import { entryNamed } from '../methods/definition/registry.js';
import { architectures, type Architecture } from '../models/architectures.js';
import { withoutDefaults } from '../spec/defaults.js';
import type { LoadedSweep, SweepMethod, SweepModel, SweepTask } from '../spec/index.js';
import { finetuneSchema, pretrainSchema } from '../spec/training.js';
import { CellPlan, type CellModel, type CellTask } from './cell.js';
import { StagePool } from './pool.js';
import type { DeviceClass, Stage, StageKey } from './stage.js';
import { buildTree, closure, type Cell, type SweepNode, type Trial } from './tree.js';

/** The files a sweep reads: absolute path → sha256 of the content. */
export type Fingerprints = Readonly<Record<string, string>>;

export interface Plan {
  readonly name: string;
  readonly device: DeviceClass;
  /** What the sweep asks for, whatever its limits: two sweeps with the same digest are the same sweep. */
  readonly digest: string;
  /** Every stage once, inputs before those who use them. */
  readonly stages: Stage[];
  readonly cells: Cell[];
  readonly tree: SweepNode;
  /** The stages that describe the data, by the cell's task and seed. */
  readonly data: { task: string; seed: number; items: StageKey }[];
}

/** B is labelled and refined in so many parts: what a killed worker repeats is one of them. */
const shardsOf: Record<AnswerKind, number> = {
  'next-token': 2,
  classes: 4,
  preference: 4,
  text: 4,
  number: 1,
};

/**
 * Builds the plan of a sweep. Pure: the same sweep and file contents give the same plan, whatever the order of
 * keys in the file.
 * @throws UserError where a method that the sweep names cannot work on one of its tasks
 */
export function planSweep(sweep: LoadedSweep, fingerprints: Fingerprints): Plan {
  const pool = new StagePool();
  const cells: Cell[] = [];
  const data: Plan['data'] = [];
  const tasks = sweep.tasks.map((task) => cellTask(task, fingerprints));
  checkApplicable(sweep);
  const models = Object.fromEntries(
    Object.entries(sweep.models).map(([label, model]) => [label, cellModel(model)]),
  );

  // Cells that share pretrained models stand next to each other, so that batches share as few stages as can be.
  for (const pair of sweep.pairs) {
    for (const seed of sweep.seeds) {
      sweep.tasks.forEach((task, index) => {
        const plan = new CellPlan(pool, {
          task: tasks[index]!,
          weak: models[pair.weak]!,
          strong: models[pair.strong]!,
          models,
          seed,
          device: sweep.device,
        });
        const id = `${task.label} ${pair.weak}→${pair.strong} seed ${seed}`;
        cells.push({ id, trials: trialsOf(id, task, pair, seed, plan, sweep) });
        data.push({ task: task.label, seed, items: plan.data().key });
      });
    }
  }

  const tree = buildTree(cells, (key) => pool.get(key));
  const keys = closure(
    cells.flatMap((cell) => cell.trials.map((trial) => trial.evaluation)),
    (key) => pool.get(key),
  );
  const stages = keys.map((key) => pool.get(key));
  const digest = hashOf({
    name: sweep.name,
    device: sweep.device,
    trials: cells.flatMap((cell) => cell.trials.map(({ id, evaluation }) => ({ id, evaluation }))),
  });
  const unique = new Map(data.map((entry) => [`${entry.task} ${entry.seed}`, entry]));
  return { name: sweep.name, device: sweep.device, digest, stages, cells, tree, data: [...unique.values()] };
}

function trialsOf(
  cell: string,
  task: SweepTask,
  pair: { weak: string; strong: string },
  seed: number,
  plan: CellPlan,
  sweep: LoadedSweep,
): Trial[] {
  const trial = (
    role: Trial['role'],
    label: string,
    values: Record<string, unknown>,
    evaluation: Stage,
  ): Trial => ({
    id: `${task.label} ${pair.weak}→${pair.strong} ${label} seed ${seed}`,
    cell,
    task: task.name,
    taskValues: task.values,
    weak: pair.weak,
    strong: pair.strong,
    method: label,
    methodValues: values,
    role,
    seed,
    evaluation: evaluation.key,
  });
  return [
    trial('weak', 'weak supervisor', {}, plan.evaluateWeak()),
    trial('ceiling', 'ceiling', {}, plan.evaluate(plan.ceiling('B'))),
    ...sweep.methods.map((chosen) =>
      trial('method', chosen.label, chosen.values, evaluationOf(chosen, plan)),
    ),
    ...sweep.controls
      .filter(
        (chosen) =>
          chosen.standard !== true ||
          refusal(entryNamed(chosen.name).entry, task, chosen.parameters) === undefined,
      )
      .map((chosen) => trial('control', chosen.label, chosen.values, evaluationOf(chosen, plan))),
  ];
}

/** The stage that evaluates a method or a control on a cell. */
function evaluationOf({ name, parameters }: SweepMethod, plan: CellPlan): Stage {
  const { entry, brought } = entryNamed(name);
  const cell =
    brought === undefined
      ? plan
      : plan.forModule({ modules: [digestIn(name)!], nameOf: (part) => brought.nameOf(part) });
  return entry.evaluation(cell, parameters);
}

/** Why a method or control cannot work on a task; undefined where it can. */
function refusal(entry: Described, task: SweepTask, parameters: JsonObject): string | undefined {
  const definition = taskNamed(task.definition);
  const { answer } = definition;
  if (entry.answers !== undefined && !entry.answers.includes(answer)) {
    return `it works on tasks answered by ${listed(entry.answers)}, and this one is answered by ${answer}`;
  }
  const seen: MethodTask = {
    name: task.name,
    definition: task.definition,
    answer,
    hasOracle: definition.oracle !== undefined,
    hasParaphrases: definition.hasParaphrases?.(task.parameters) ?? definition.paraphrases !== undefined,
  };
  return entry.refuses?.(seen, parameters);
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}

/**
 * Methods are asked for by name, so one that a task cannot carry is a mistake. So is a control that is named; of
 * `standard` those that a task has no use for are left out.
 */
function checkApplicable(sweep: LoadedSweep): void {
  const named = [
    ...sweep.methods.map((chosen) => ({
      chosen,
      what: 'method',
      entry: entryNamed(chosen.name).entry,
    })),
    ...sweep.controls
      .filter(({ standard }) => standard !== true)
      .map((chosen) => ({ chosen, what: 'control', entry: entryNamed(chosen.name).entry })),
  ];
  const mistakes = named.flatMap(({ chosen, what, entry }) =>
    sweep.tasks.flatMap((task) => {
      const why = refusal(entry, task, chosen.parameters);
      return why === undefined
        ? []
        : [`${what} ${chosen.name} cannot work on task ${task.name} (${task.definition}): ${why}`];
    }),
  );
  if (mistakes.length > 0) {
    throw new UserError(
      `${[...new Set(mistakes)].join('\n')}\nLeave it out, or put the task into a sweep of its own.`,
    );
  }
}

/** The digest in the name of what a user's module brings. */
function digestIn(name: string): string | undefined {
  return /@([0-9a-f]{64})$/.exec(name)?.[1];
}

function cellModel(model: SweepModel): CellModel {
  if (model.answers !== undefined)
    return { label: model.label, base: {}, finetune: {}, pooling: '', answers: model.answers };
  const schema = architectures[model.architecture as Architecture];
  // Pooling belongs to the head, which pretraining does not see.
  const { pooling = '', ...body } = schema.parse(model.parameters) as JsonObject & { pooling?: string };
  return {
    label: model.label,
    base: {
      architecture: model.architecture,
      parameters: withoutDefaults(schema, body),
      // A model that is not pretrained is the same whatever its pretraining would have been.
      pretraining: model.pretrain.steps === 0 ? {} : withoutDefaults(pretrainSchema, { ...model.pretrain }),
    },
    finetune: withoutDefaults(finetuneSchema, { ...model.finetune }),
    pooling,
  };
}

function cellTask(task: SweepTask, fingerprints: Fingerprints): CellTask {
  const definition = taskNamed(task.definition);
  const resolved = definition.resolve(task.parameters) as JsonObject;
  const named: JsonObject = { ...resolved };
  const files: Record<string, string> = {};
  for (const parameter of definition.files) {
    if (resolved[parameter] === undefined) continue;
    const path = task.files[parameter];
    // A path in a key would hide that the file has changed.
    if (path === undefined)
      throw new RangeError(`${task.definition}.${parameter} is not declared by filePath()`);
    const digest = fingerprints[path];
    if (digest === undefined) throw new RangeError(`${path} has no fingerprint`);
    named[parameter] = digest;
    files[digest] = path;
  }
  return {
    name: task.name,
    label: task.label,
    answer: definition.answer,
    definition: task.definition,
    parameters: keyed(definition, definition.exampleParameters(named) as JsonObject),
    corpusParameters: keyed(definition, definition.corpusParameters(named) as JsonObject),
    files,
    grading: keyed(definition, (definition.gradeParameters?.(named) ?? {}) as JsonObject),
    ...(digestIn(task.definition) === undefined ? {} : { modules: [digestIn(task.definition)!] }),
    shards: shardsOf[definition.answer],
  };
}

function keyed(definition: TaskDefinition, parameters: JsonObject): JsonObject {
  return withoutDefaults(definition.parameters, parameters);
}
