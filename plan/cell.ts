/** @file One cell (a task, a weak and a strong model, a seed): which stages it offers to methods and controls. */
import { UserError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { AnswerKind, Split } from '../datasets/task.js';
import type {
  LabelForm,
  LabelRequest,
  Labels,
  LossChoice,
  PrivilegedCell,
  RefineRequest,
  StudentRequest,
  WeakSource,
  WorkRequest,
} from '../methods/definition/method.js';
import type { StagePool } from './pool.js';
import type { DeviceClass, Stage, StageInputs } from './stage.js';

/** A task as far as keys are concerned: definitions, never names. */
export interface CellTask {
  readonly name: string;
  /** Its name with the values that lists gave it. */
  readonly label: string;
  readonly answer: AnswerKind;
  readonly definition: string;
  /** Parameters that items and truth depend on and that differ from the defaults; files by their digest. */
  readonly parameters: JsonObject;
  /** Likewise, those that the unlabelled corpus depends on. */
  readonly corpusParameters: JsonObject;
  readonly files: Record<string, string>;
  /** Parameters that grading depends on, without defaults. */
  readonly grading: JsonObject;
  /** Into how many shards B is cut for labelling and refinement. */
  readonly shards: number;
  /** The digest of the user's module that defines the task. */
  readonly modules?: readonly string[];
}

export interface CellModel {
  readonly label: string;
  /** Architecture and pretraining, without defaults; of answers that stand in the data, whose. */
  readonly base: JsonObject;
  /** How it is fine-tuned, without defaults. */
  readonly finetune: JsonObject;
  /** What a classification head on it reads. */
  readonly pooling: string;
  /** The name in the data of answers that need no model. */
  readonly answers?: string;
}

export interface CellDefinition {
  readonly task: CellTask;
  readonly weak: CellModel;
  readonly strong: CellModel;
  /** Every model of the sweep, by label. */
  readonly models: Readonly<Record<string, CellModel>>;
  readonly seed: number;
  readonly device: DeviceClass;
}

/** Names that a user's module defines are told apart from everybody else's by its digest. */
export interface BroughtNames {
  readonly modules: readonly string[];
  /** The name under which a loss or an operation of the method is known to executors. */
  nameOf(name: string): string;
}

const testSplit: Split = 'test';

/**
 * What plain supervised training minimises, whatever the answers: of two rewards it is a reward model's loss, of a
 * Gaussian number squared error.
 */
const supervised: LossChoice = { name: 'cross-entropy' };

interface Training {
  readonly split: Split;
  readonly labels: StageInputs;
  readonly form: LabelForm;
  readonly loss: LossChoice;
  readonly on: string;
  readonly settings?: JsonObject;
  readonly items?: number;
  /** Which bootstrap sample of the split. */
  readonly resample?: number;
}

/**
 * Builds the stages of one cell. Ground truth is an artifact of its own per split, and it is an input of the
 * supervisors' and the ceilings' training, of the random-labels control and of `evaluate`, and of nothing else.
 */
export class CellPlan implements PrivilegedCell {
  readonly answer: AnswerKind;
  readonly #pool: StagePool;
  readonly #cell: CellDefinition;
  readonly #brought: BroughtNames | undefined;
  /** Whose weights a stage left: a model's settings go with them. */
  readonly #models: Map<string, CellModel>;

  constructor(
    pool: StagePool,
    cell: CellDefinition,
    brought?: BroughtNames,
    models = new Map<string, CellModel>(),
  ) {
    this.#pool = pool;
    this.#cell = cell;
    this.#brought = brought;
    this.#models = models;
    this.answer = cell.task.answer;
  }

  /** The same cell for a method of a user's. */
  forModule(brought: BroughtNames): CellPlan {
    return new CellPlan(this.#pool, this.#cell, brought, this.#models);
  }

  strong(): Stage {
    return this.#base(this.#cell.strong);
  }

  model(label: string): Stage {
    const model = this.#cell.models[label];
    if (model === undefined) {
      const known = Object.keys(this.#cell.models).join(', ');
      throw new UserError(`there is no model "${label}" in this sweep; its models are ${known}.`);
    }
    return this.#base(model);
  }

  weakSupervisor(): Stage {
    return this.#supervisor({});
  }

  ceiling(split: 'A' | 'B', request: Parameters<PrivilegedCell['ceiling']>[1] = {}): Stage {
    const { from = this.strong(), loss = supervised, reference, training, form = 'hard' } = request;
    const by = loss === supervised ? '' : ` by ${loss.name}`;
    return this.#finetune(from, {
      split,
      labels: {
        truth: this.#truth(split).key,
        ...(reference === undefined ? {} : { reference: reference.key }),
      },
      form,
      loss: { ...loss, name: this.#named(loss.name) },
      on: `${split}'s truth${by}`,
      ...(training === undefined ? {} : { settings: training }),
    });
  }

  weakLabels(how: LabelRequest = {}): Labels {
    const { answers } = this.#cell.weak;
    if (answers === undefined || how.paraphrase !== undefined) return this.labels(this.weakSupervisor(), how);
    return [this.#given(answers, 'B')];
  }

  labels(by: Stage, how: LabelRequest = {}): Labels {
    return this.#labelled(by, 'B', how);
  }

  weakSources({ count, boost = false }: { count: number; boost?: boolean }): WeakSource[] {
    const sources: WeakSource[] = [];
    // Of those before it: its labels of A, and the weights that it was trained with.
    const before: { onA: Stage; weights?: Stage }[] = [];
    for (let index = 0; index < count; index++) {
      const last = before.at(-1);
      const weights = boost && last !== undefined ? this.#boosted(last) : undefined;
      const model = boost ? this.#supervisor({ weights }) : this.#supervisor({ resample: index });
      const [labels, testLabels] = [this.#labelled(model, 'B'), this.#labelled(model, testSplit)];
      if (!boost) {
        sources.push({ model, labels, testLabels });
        continue;
      }
      const own = { onA: this.#labelled(model, 'A')[0]!, ...(weights === undefined ? {} : { weights }) };
      before.push(own);
      sources.push({
        model,
        labels: [this.#vote(own, labels, 'B')],
        testLabels: [this.#vote(own, testLabels, testSplit)],
      });
    }
    return sources;
  }

  randomErrors(): Labels {
    const labels = this.weakLabels().map(({ key }) => key);
    return [
      this.#add({
        kind: 'label',
        params: {
          split: 'B',
          supervisor: 'random-errors',
          seed: this.#cell.seed,
          // Errors in answers without choices are found by the task's own grader.
          ...(this.#hasChoices ? {} : { task: this.#cell.task.definition, ...this.#grading() }),
        },
        inputs: { items: this.#items().key, labels, truth: this.#truth('B').key },
        title: `label B with random errors at ${this.#cell.weak.label}'s rate`,
      }),
    ];
  }

  refine(request: RefineRequest): Labels {
    const {
      examples,
      contexts = 1,
      supervisor,
      combine = 'mean',
      draw = 'drawn',
      procedure = 'icl',
    } = request;
    const { by = this.strong() } = request;
    const seesLabels = examples > 0 || procedure === 'ask-to-improve';
    if (seesLabels && supervisor.length === 0)
      throw new RangeError('examples need a supervisor that labelled them');
    const inContext: JsonObject = {
      ...(examples === 0 ? {} : { examples, contexts, seed: this.#cell.seed }),
      ...(combine === 'mean' ? {} : { combine }),
      ...(draw === 'drawn' ? {} : { draw }),
      ...(procedure === 'icl' ? {} : { procedure }),
      ...(request.prompts === undefined ? {} : { prompts: { ...request.prompts } }),
    };
    const labels: StageInputs = seesLabels ? { labels: supervisor.map(({ key }) => key) } : {};
    const how =
      examples === 0
        ? 'without examples'
        : `from ${examples} examples of ${this.#cell.weak.label}'s × ${contexts}`;
    return this.#shards((shard, part) =>
      this.#add({
        kind: 'refine',
        params: { task: this.#cell.task.definition, split: 'B', shard, ...inContext },
        inputs: { model: by.key, items: this.#items().key, ...labels },
        title: `refine B${part} with ${this.#ownerOf(by).label} ${how}${procedure === 'icl' ? '' : ` by ${procedure}`}`,
        computes: true,
      }),
    );
  }

  work({ operation, parameters = {}, labels, model }: WorkRequest): Labels {
    const sources = Object.entries(labels).map(([role, stages]): [string, string[]] => [
      `labels:${role}`,
      stages.map(({ key }) => key),
    ]);
    return [
      this.#add({
        kind: 'relabel',
        params: {
          task: this.#cell.task.definition,
          split: 'B',
          operation: this.#named(operation),
          ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
          // A mapping's order is lost in a plan that is stored.
          roles: Object.keys(labels),
          seed: this.#cell.seed,
          ...this.#grading(),
        },
        inputs: {
          items: this.#items().key,
          ...Object.fromEntries(sources),
          ...(model === undefined ? {} : { model: model.key }),
        },
        title: `${operation} of B's labels`,
        ...(model === undefined ? {} : { computes: true }),
        modules: this.#brought?.modules,
      }),
    ];
  }

  student(request: StudentRequest): Stage {
    const { labels, form, loss, from = this.strong(), reference, items, training } = request;
    const source = (labels[0]?.title ?? '').replace(/ · .*/, '').replace(/ \d+\/\d+/, '');
    return this.#finetune(from, {
      split: 'B',
      labels: {
        labels: labels.map(({ key }) => key),
        ...(reference === undefined ? {} : { reference: reference.key }),
      },
      form,
      loss: { ...loss, name: this.#named(loss.name) },
      on: `${form} labels${byLoss(loss, source)}${items === undefined ? '' : ` of ${items} items`}`,
      ...(items === undefined ? {} : { items }),
      ...(training === undefined ? {} : { settings: training }),
    });
  }

  evaluate(model: Stage, reference?: Stage): Stage {
    return this.#evaluation(`evaluate: ${model.title.replace(/ · .*/, '')}`, {
      model: model.key,
      ...(reference === undefined ? {} : { reference: reference.key }),
    });
  }

  /** The weak supervisor as a trial of its own. */
  evaluateWeak(): Stage {
    const { answers } = this.#cell.weak;
    if (answers === undefined) return this.evaluate(this.weakSupervisor());
    return this.#evaluation(`evaluate: ${answers}`, { labels: [this.#given(answers, testSplit).key] });
  }

  evaluateOracle(): Stage {
    const answers = this.#add({
      kind: 'label',
      params: {
        task: this.#cell.task.definition,
        parameters: this.#cell.task.parameters,
        split: testSplit,
        supervisor: 'oracle',
        seed: this.#cell.seed,
      },
      inputs: {},
      title: 'label test with the oracle',
      paths: this.#cell.task.files,
    });
    return this.#evaluation('evaluate: oracle', { labels: [answers.key] });
  }

  /** The stages that say what the data is: their reports go into the results. */
  data(): Stage {
    return this.#items();
  }

  #grading(): JsonObject {
    const { grading } = this.#cell.task;
    return Object.keys(grading).length === 0 ? {} : { grading };
  }

  /** Where the files are that grading reads. */
  #gradingFiles(): { paths?: Record<string, string> } {
    const { grading, files } = this.#cell.task;
    const read = Object.entries(files).filter(([digest]) => Object.values(grading).includes(digest));
    return read.length === 0 ? {} : { paths: Object.fromEntries(read) };
  }

  get #hasChoices(): boolean {
    return this.answer !== 'text' && this.answer !== 'number';
  }

  /** A name in parameters: with the digest of the user's module that defines it. */
  #named(name: string): string {
    return this.#brought?.nameOf(name) ?? name;
  }

  #evaluation(title: string, measured: StageInputs): Stage {
    return this.#add({
      kind: 'evaluate',
      params: { task: this.#cell.task.definition, split: testSplit, ...this.#grading() },
      inputs: { ...measured, items: this.#items().key, truth: this.#truth(testSplit).key },
      title,
      ...this.#gradingFiles(),
      computes: true,
    });
  }

  /** The weak model trained on A's truth: as it stands there, on a bootstrap sample, or with weights. */
  #supervisor({ resample, weights }: { resample?: number; weights?: Stage }): Stage {
    const { weak } = this.#cell;
    if (weak.answers !== undefined) {
      throw new UserError(
        `${weak.label} is a column of answers (${weak.answers}), and this needs a weak model that can be trained.`,
      );
    }
    return this.#finetune(this.#base(weak), {
      split: 'A',
      labels: weights === undefined ? { truth: this.#truth('A').key } : { labels: [weights.key] },
      form: 'hard',
      loss: supervised,
      on: weights === undefined ? "A's truth" : "A's truth, boosted",
      ...(resample === undefined ? {} : { resample }),
    });
  }

  /** A's truth with the weights that AdaBoost gives its items after a supervisor's answers to them. */
  #boosted({ onA, weights }: { onA: Stage; weights?: Stage }): Stage {
    return this.#add({
      kind: 'label',
      params: { split: 'A', supervisor: 'boosting-weights' },
      inputs: {
        items: this.#items().key,
        truth: this.#truth('A').key,
        onA: onA.key,
        ...(weights === undefined ? {} : { weights: weights.key }),
      },
      title: "weigh A by the last supervisor's errors",
    });
  }

  /** Labels that weigh as much as AdaBoost lets their supervisor's vote count. */
  #vote({ onA, weights }: { onA: Stage; weights?: Stage }, labels: Labels, split: Split): Stage {
    return this.#add({
      kind: 'label',
      params: { split, supervisor: 'boosting-vote' },
      inputs: {
        items: this.#items().key,
        truth: this.#truth('A').key,
        onA: onA.key,
        ...(weights === undefined ? {} : { weights: weights.key }),
        labels: labels.map(({ key }) => key),
      },
      title: `weigh a supervisor's vote on ${split}`,
    });
  }

  #labelled(by: Stage, split: Split, { samples, paraphrase }: LabelRequest = {}): Labels {
    const { task, seed } = this.#cell;
    const how: JsonObject = {
      ...(samples === undefined ? {} : { samples: { ...samples, seed } }),
      // Other words are made from the task's own parameters.
      ...(paraphrase === undefined ? {} : { paraphrase, parameters: task.parameters }),
    };
    const labelled = (shard: JsonObject, part: string): Stage =>
      this.#add({
        kind: 'label',
        params: { task: task.definition, split, shard, ...how },
        inputs: { model: by.key, items: this.#items().key },
        title: `label ${split}${part} with ${this.#ownerOf(by).label}${paraphrase === undefined ? '' : ` in other words (${paraphrase + 1})`}`,
        computes: true,
      });
    // The other splits are not cut: they are small, and nobody fine-tunes on them.
    return split === 'B' ? this.#shards(labelled) : [labelled({ index: 0, of: 1 }, '')];
  }

  #ownerOf(stage: Stage): CellModel {
    const owner = this.#models.get(stage.key);
    if (owner === undefined) throw new RangeError(`${stage.title} is no model`);
    return owner;
  }

  #base(model: CellModel): Stage {
    const { task, seed, device } = this.#cell;
    if (model.answers !== undefined) {
      throw new UserError(
        `${model.label} is a column of answers (${model.answers}), not a model that can be trained.`,
      );
    }
    const corpus = this.#pool.add({
      kind: 'shard',
      params: { task: task.definition, parameters: task.corpusParameters, seed, content: 'corpus' },
      inputs: {},
      title: `shard corpus · ${task.name} · seed ${seed}`,
      paths: task.files,
      ...(task.modules === undefined ? {} : { modules: task.modules }),
    });
    const base = this.#pool.add({
      kind: 'pretrain',
      params: { task: task.definition, ...model.base, seed },
      inputs: { corpus: corpus.key },
      title: `pretrain ${model.label} · ${task.name} · seed ${seed}`,
      device,
      ...(task.modules === undefined ? {} : { modules: task.modules }),
    });
    this.#models.set(base.key, model);
    return base;
  }

  #items(): Stage {
    return this.#shard({ content: 'items', shards: this.#cell.task.shards }, 'items');
  }

  #truth(split: Split): Stage {
    return this.#shard({ content: 'truth', split }, `truth of ${split}`);
  }

  /** Answers that stand in the data. */
  #given(answers: string, split: Split): Stage {
    return this.#shard({ content: 'given', answers, split }, `answers of ${answers} to ${split}`);
  }

  #shard(content: JsonObject, what: string): Stage {
    const { task, seed } = this.#cell;
    return this.#add({
      kind: 'shard',
      params: { task: task.definition, parameters: task.parameters, seed, ...content },
      inputs: {},
      title: `shard ${what}`,
      paths: task.files,
    });
  }

  #finetune(from: Stage, request: Training): Stage {
    const { split, labels, form, loss, on, settings = {}, items, resample } = request;
    const model = this.#ownerOf(from);
    const trained = this.#add({
      kind: 'finetune',
      params: {
        task: this.#cell.task.definition,
        split,
        form: this.#hasChoices ? form : 'hard',
        loss: { ...loss },
        training: overridden(model.finetune, settings),
        ...(this.answer === 'classes' ? { pooling: model.pooling } : {}),
        ...(items === undefined ? {} : { items }),
        ...(resample === undefined ? {} : { resample }),
        seed: this.#cell.seed,
        track: testSplit,
      },
      inputs: { model: from.key, items: this.#items().key, ...labels },
      title: `finetune ${model.label} on ${on}${resample === undefined ? '' : `, sample ${resample + 1}`}`,
      computes: true,
      modules: this.#brought?.modules,
    });
    this.#models.set(trained.key, model);
    return trained;
  }

  #shards(stageOf: (shard: JsonObject, part: string) => Stage): Stage[] {
    const { shards } = this.#cell.task;
    return Array.from({ length: shards }, (_, index) =>
      stageOf({ index, of: shards }, shards === 1 ? '' : ` ${index + 1}/${shards}`),
    );
  }

  /** Adds a stage of this cell alone: its title says which cell, its device is the sweep's where it computes. */
  #add(request: {
    kind: Stage['kind'];
    params: JsonObject;
    inputs: StageInputs;
    title: string;
    paths?: Record<string, string>;
    modules?: readonly string[];
    computes?: boolean;
  }): Stage {
    const { task, seed, device } = this.#cell;
    const { computes, title, modules, ...rest } = request;
    const code = [...new Set([...(task.modules ?? []), ...(modules ?? [])])].sort();
    return this.#pool.add({
      ...rest,
      title: `${title} · ${task.label} · seed ${seed}`,
      ...(computes === true ? { device } : {}),
      ...(code.length === 0 ? {} : { modules: code }),
    });
  }
}

/** Settings over others; of `steps` and `epochs`, which say the same, the later one counts. */
function overridden(settings: JsonObject, by: JsonObject): JsonObject {
  const { steps, epochs, ...others } = settings;
  const saysHowLong = by['steps'] !== undefined || by['epochs'] !== undefined;
  const howLong: JsonObject = {
    ...(steps === undefined ? {} : { steps }),
    ...(epochs === undefined ? {} : { epochs }),
  };
  return { ...others, ...(saysHowLong ? {} : howLong), ...by };
}

/** What tells students of labels in the same form apart; what only sets values stands in brackets. */
function byLoss({ name, ...parameters }: LossChoice, source: string): string {
  if (name === 'cross-entropy') return ` (${source})`;
  const values = Object.entries(parameters).map(([parameter, value]) => `${parameter}=${value}, `);
  return ` by ${name} (${values.join('')}${source})`;
}
