/** @file What a method asks for, in words: its own code is run on a cell that writes down each request. */
import type { Stage } from '../../plan/stage.js';
import type {
  LabelRequest,
  Labels,
  PrivilegedCell,
  RefineRequest,
  StudentRequest,
  WeakSource,
  WorkRequest,
} from '../definition/method.js';
import type { AnswerKind } from '../../datasets/task.js';

/** What was asked for, in the order of the requests. */
export interface Requests {
  /** One sentence a stage, without its number; "(2)" refers to the second. */
  readonly lines: readonly string[];
  /** Models of the sweep that were asked for by name. */
  readonly models: readonly string[];
  readonly students: number;
  /** The names of the losses that they are trained with. */
  readonly losses: readonly string[];
  /** How many weak supervisors are trained, beside the cell's own. */
  readonly sources: number;
  readonly refines: boolean;
}

/** A cell whose stages are sentences. */
export class RecordingCell implements PrivilegedCell {
  readonly #lines: string[] = [];
  readonly #models = new Set<string>();
  readonly #losses = new Set<string>();
  #students = 0;
  #sources = 0;
  #refines = false;

  constructor(readonly answer: AnswerKind) {}

  get requests(): Requests {
    return {
      lines: this.#lines,
      models: [...this.#models],
      students: this.#students,
      losses: [...this.#losses],
      sources: this.#sources,
      refines: this.#refines,
    };
  }

  /** A stage that is referred to by its number; the same sentence twice is the same stage. */
  #stage(sentence: string): Stage {
    const known = this.#lines.indexOf(sentence);
    if (known < 0) this.#lines.push(sentence);
    return named(`(${known < 0 ? this.#lines.length : known + 1})`);
  }

  strong(): Stage {
    return named('the strong model');
  }

  model(label: string): Stage {
    this.#models.add(label);
    return named(`the model \`${label}\``);
  }

  weakLabels({ paraphrase }: Pick<LabelRequest, 'paraphrase'> = {}): Labels {
    const wording = paraphrase === undefined ? '' : `, each item in other words (wording ${paraphrase + 1})`;
    return [this.#stage(`The weak supervisor's labels of B${wording}.`)];
  }

  weakSources({ count, boost = false }: { count: number; boost?: boolean }): WeakSource[] {
    this.#sources += count;
    const trained = boost
      ? 'each trained on A with what those before it got wrong weighing more'
      : 'each trained on another bootstrap sample of A';
    return Array.from({ length: count }, (_, index) => {
      const labels = [this.#stage(`Labels of B by weak supervisor ${index + 1} of ${count}, ${trained}.`)];
      return { model: named(`weak supervisor ${index + 1}`), labels, testLabels: labels };
    });
  }

  labels(by: Stage, { samples, paraphrase }: LabelRequest = {}): Labels {
    const drawn =
      samples === undefined ? '' : `, ${samples.count} answers drawn at temperature ${samples.temperature}`;
    const wording = paraphrase === undefined ? '' : `, in other words (wording ${paraphrase + 1})`;
    return [this.#stage(`Labels of B by ${by.title}${drawn}${wording}.`)];
  }

  refine(request: RefineRequest): Labels {
    this.#refines = true;
    const {
      examples,
      supervisor,
      contexts = 1,
      combine = 'mean',
      draw = 'drawn',
      procedure = 'icl',
    } = request;
    const who = request.by?.title ?? 'the strong model';
    if (examples === 0) return [this.#stage(`${capital(who)}'s own labels of B, without any example.`)];
    const answers = `${examples} answers of ${titles(supervisor)}`;
    if (procedure !== 'icl')
      return [this.#stage(`${capital(who)}'s answers to B by ${procedure}, from ${answers}.`)];
    const from = draw === 'batches' ? `the other ${answers} of its batch` : answers;
    const several = contexts === 1 ? '' : `, ${contexts} draws put together by ${combine}`;
    return [this.#stage(`${capital(who)}'s labels of B, each item after ${from} in its context${several}.`)];
  }

  work({ operation, labels, model }: WorkRequest): Labels {
    const sets = Object.values(labels).map(titles);
    const reads = model === undefined ? '' : ` and the activations of ${model.title}`;
    return [this.#stage(`Label work \`${operation}\` on ${listed(sets)}${reads}.`)];
  }

  student({ labels, form, loss, from, reference, items, training }: StudentRequest): Stage {
    this.#students += 1;
    this.#losses.add(loss.name);
    const who = from?.title ?? 'the strong model';
    const taught = items === undefined ? titles(labels) : `the first ${items} of ${titles(labels)}`;
    const beside = reference === undefined ? '' : `, beside ${same(reference, from)} held fixed`;
    const settings = training === undefined ? '' : `, with ${JSON.stringify(training)}`;
    return this.#stage(
      `${capital(who)} trained on ${taught} (${form}, loss \`${loss.name}\`)${beside}${settings}.`,
    );
  }

  evaluate(model: Stage): Stage {
    return this.#stage(`${capital(model.title)}, measured on the test split.`);
  }

  ceiling(split: 'A' | 'B', request: Partial<Omit<StudentRequest, 'labels' | 'items'>> = {}): Stage {
    this.#students += 1;
    const { loss = { name: 'cross-entropy' }, from, reference } = request;
    const beside = reference === undefined ? '' : `, beside ${same(reference, from)} held fixed`;
    const who = from?.title ?? 'the strong model';
    return this.#stage(
      `${capital(who)} trained on the ground truth of ${split} (loss \`${loss.name}\`)${beside}.`,
    );
  }

  randomErrors(): Labels {
    return [this.#stage("B's ground truth with errors at random, as many as the weak supervisor makes.")];
  }

  evaluateOracle(): Stage {
    return this.#stage("The answers of the task's oracle, measured on the test split.");
  }
}

/** A stage of which nobody but its title is known. */
function named(title: string): Stage {
  return { key: title, kind: 'finetune', version: 0, params: {}, inputs: {}, title };
}

const titles = (labels: Labels): string => listed(labels.map(({ title }) => title));
const same = (stage: Stage, other: Stage | undefined): string =>
  stage.title === other?.title ? 'itself' : stage.title;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "(1)", "(1) and (2)", "(1) to (5)", "(1), (3) and (4)" */
function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  const numbers = names.map((name) => /^\((\d+)\)$/.exec(name)?.[1]).map(Number);
  if (names.length > 2 && numbers.every((number, i) => number === numbers[0]! + i))
    return `${names[0]} to ${names.at(-1)}`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
