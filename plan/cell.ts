/** @file One cell (a task, a weak and a strong model, a seed): which stages it offers to methods and controls. */
import type { JsonObject } from '../base/json.js';
import type { Split } from '../datasets/task.js';
import type { AnswerKind, LabelForm, LossChoice, PrivilegedCell } from '../methods/method.js';
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
  /** Into how many shards B is cut for labelling and refinement. */
  readonly shards: number;
}

export interface CellModel {
  readonly label: string;
  /** Architecture and pretraining, without defaults. */
  readonly base: JsonObject;
  /** How it is fine-tuned, without defaults. */
  readonly finetune: JsonObject;
  /** What a classification head on it reads. */
  readonly pooling: string;
}

export interface CellDefinition {
  readonly task: CellTask;
  readonly weak: CellModel;
  readonly strong: CellModel;
  readonly seed: number;
  readonly device: DeviceClass;
}

const testSplit: Split = 'test';

/**
 * Builds the stages of one cell. Ground truth is an artifact of its own per split, and it is an input of the
 * supervisor's and the ceilings' training, of the random-labels control and of `evaluate`, and of nothing else.
 */
export class CellPlan implements PrivilegedCell {
  readonly answer: AnswerKind;
  readonly #pool: StagePool;
  readonly #cell: CellDefinition;

  constructor(pool: StagePool, cell: CellDefinition) {
    this.#pool = pool;
    this.#cell = cell;
    this.answer = cell.task.answer;
  }

  strong(): Stage {
    return this.#base(this.#cell.strong);
  }

  weakSupervisor(): Stage {
    const { weak } = this.#cell;
    return this.#finetune(weak, this.#base(weak), {
      split: 'A',
      labels: { truth: this.#truth('A').key },
      form: 'hard',
      loss: { name: 'cross-entropy' },
      on: "A's truth",
    });
  }

  ceiling(split: 'A' | 'B'): Stage {
    return this.#finetune(this.#cell.strong, this.strong(), {
      split,
      labels: { truth: this.#truth(split).key },
      form: 'hard',
      loss: { name: 'cross-entropy' },
      on: `${split}'s truth`,
    });
  }

  weakLabels(): Stage[] {
    const supervisor = this.weakSupervisor();
    return this.#shards((shard, part) =>
      this.#add({
        kind: 'label',
        params: { task: this.#cell.task.definition, split: 'B', shard },
        inputs: { model: supervisor.key, items: this.#items().key },
        title: `label B${part} with ${this.#cell.weak.label}`,
        computes: true,
      }),
    );
  }

  randomErrors(): Stage[] {
    const labels = this.weakLabels().map(({ key }) => key);
    return [
      this.#add({
        kind: 'label',
        params: { split: 'B', supervisor: 'random-errors', seed: this.#cell.seed },
        inputs: { items: this.#items().key, labels, truth: this.#truth('B').key },
        title: `label B with random errors at ${this.#cell.weak.label}'s rate`,
      }),
    ];
  }

  refine(request: { examples: number; contexts: number; supervisor: Stage[] }): Stage[] {
    const { examples, contexts, supervisor } = request;
    if (examples > 0 && supervisor.length === 0)
      throw new RangeError('examples need a supervisor that labelled them');
    const inContext: JsonObject = examples === 0 ? {} : { examples, contexts, seed: this.#cell.seed };
    const labels: StageInputs = examples === 0 ? {} : { labels: supervisor.map(({ key }) => key) };
    const how =
      examples === 0
        ? 'without examples'
        : `from ${examples} examples of ${this.#cell.weak.label}'s × ${contexts}`;
    return this.#shards((shard, part) =>
      this.#add({
        kind: 'refine',
        params: { task: this.#cell.task.definition, split: 'B', shard, ...inContext },
        inputs: { model: this.strong().key, items: this.#items().key, ...labels },
        title: `refine B${part} with ${this.#cell.strong.label} ${how}`,
        computes: true,
      }),
    );
  }

  student(request: { labels: Stage[]; form: LabelForm; loss: LossChoice }): Stage {
    const { labels, form, loss } = request;
    const source = (labels[0]?.title ?? '').replace(/ · .*/, '').replace(/ \d+\/\d+/, '');
    return this.#finetune(this.#cell.strong, this.strong(), {
      split: 'B',
      labels: { labels: labels.map(({ key }) => key) },
      form,
      loss,
      on: `${form} labels${byLoss(loss, source)}`,
    });
  }

  evaluate(model: Stage): Stage {
    return this.#add({
      kind: 'evaluate',
      params: { task: this.#cell.task.definition, split: testSplit },
      inputs: { model: model.key, items: this.#items().key, truth: this.#truth(testSplit).key },
      title: `evaluate: ${model.title.replace(/ · .*/, '')}`,
      computes: true,
    });
  }

  /** The stages that say what the data is: their reports go into the results. */
  data(): Stage {
    return this.#items();
  }

  #base(model: CellModel): Stage {
    const { task, seed, device } = this.#cell;
    const corpus = this.#pool.add({
      kind: 'shard',
      params: { task: task.definition, parameters: task.corpusParameters, seed, content: 'corpus' },
      inputs: {},
      title: `shard corpus · ${task.name} · seed ${seed}`,
      paths: task.files,
    });
    return this.#pool.add({
      kind: 'pretrain',
      params: { task: task.definition, ...model.base, seed },
      inputs: { corpus: corpus.key },
      title: `pretrain ${model.label} · ${task.name} · seed ${seed}`,
      device,
    });
  }

  #items(): Stage {
    return this.#shard({ content: 'items', shards: this.#cell.task.shards }, 'items');
  }

  #truth(split: Split): Stage {
    return this.#shard({ content: 'truth', split }, `truth of ${split}`);
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

  #finetune(
    model: CellModel,
    base: Stage,
    request: { split: Split; labels: StageInputs; form: LabelForm; loss: LossChoice; on: string },
  ): Stage {
    const { split, labels, form, loss, on } = request;
    return this.#add({
      kind: 'finetune',
      params: {
        task: this.#cell.task.definition,
        split,
        form,
        loss: { ...loss },
        training: model.finetune,
        ...(this.answer === 'classes' ? { pooling: model.pooling } : {}),
        seed: this.#cell.seed,
        track: testSplit,
      },
      inputs: { model: base.key, items: this.#items().key, ...labels },
      title: `finetune ${model.label} on ${on}`,
      computes: true,
    });
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
    computes?: boolean;
  }): Stage {
    const { task, seed, device } = this.#cell;
    const { computes, title, ...rest } = request;
    return this.#pool.add({
      ...rest,
      title: `${title} · ${task.label} · seed ${seed}`,
      ...(computes === true ? { device } : {}),
    });
  }
}

/** What tells students of labels in the same form apart; what only sets values stands in brackets. */
function byLoss({ name, ...parameters }: LossChoice, source: string): string {
  if (name === 'cross-entropy') return ` (${source})`;
  const values = Object.entries(parameters).map(([parameter, value]) => `${parameter}=${value}, `);
  return ` by ${name} (${values.join('')}${source})`;
}
