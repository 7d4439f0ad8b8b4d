/** @file Simulated sweeps whose truth is known: seeds, test items and tasks vary as in real ones. */
import { Random } from '../base/random.js';

/** Test splits of each seed's own, or drawn from one pool of items, as from a file. */
export type Design = 'own items' | 'shared items';

const models = ['weak', 'naive', 'student', 'same', 'third', 'fourth', 'ceiling'] as const;
type Model = (typeof models)[number];

const weakAccuracy = 0.7;
const items = 200;
const pool = 600;
/** Standard deviations: of what a seed does to all its models, and to each of them. */
const seedSpread = 0.04;
const modelSpread = 0.015;
/** Half of the width over which items differ in difficulty. */
const difficulty = 0.12;
/** How often two models of one seed meet an item with the same luck. */
const commonLuck = 0.6;

/** Where each model stands on the way from the weak supervisor (0) to the ceiling (1). */
const places: Record<Model, number> = {
  weak: 0,
  naive: 0.25,
  student: 0.5,
  // No better than naive: a finding here is a false one.
  same: 0.25,
  third: 0.4,
  fourth: 0.7,
  ceiling: 1,
};

const accuracyOf = (model: Model) => (gap: number) => weakAccuracy + places[model] * gap;

export const truth = {
  recovered: places.student,
  taskGain: 0.05,
  naive: accuracyOf('naive'),
  student: accuracyOf('student'),
  same: accuracyOf('same'),
  third: accuracyOf('third'),
  fourth: accuracyOf('fourth'),
};

export interface DrawnCell {
  readonly seed: number;
  /** Absent where no two cells share an item. */
  readonly ids?: readonly number[];
  readonly scores: Readonly<Record<Model, readonly number[]>>;
  readonly means: Readonly<Record<Model, number>>;
}

/**
 * The cells of one sweep. Item i is answered rightly with probability (place of the model + its seed's effect + its own
 * + the item's), so that what is measured is, over seeds and items, the model's place.
 */
export function drawCells(options: {
  seeds: number;
  gap: number;
  design: Design;
  sweep: number;
}): DrawnCell[] {
  const { seeds, gap, design, sweep } = options;
  const random = Random.of(0, 'coverage', design, seeds, String(gap), sweep);
  const ease = (): number => (2 * random.uniform() - 1) * difficulty;
  const pooled = Array.from({ length: pool }, ease);
  const numbers = pooled.map((_, index) => index);
  return Array.from({ length: seeds }, (_, seed): DrawnCell => {
    const ids = design === 'shared items' ? random.sample(numbers, items) : undefined;
    const eases = ids === undefined ? Array.from({ length: items }, ease) : ids.map((id) => pooled[id]!);
    const shift = seedSpread * random.normal();
    const luck = eases.map(() => random.uniform());
    const scores = byModel((model): readonly number[] => {
      const ability = accuracyOf(model)(gap) + shift + modelSpread * random.normal();
      return eases.map((eased, item) => {
        const drawn = random.uniform() < commonLuck ? luck[item]! : random.uniform();
        return drawn < ability + eased ? 1 : 0;
      });
    });
    const means = byModel((model) => scores[model].reduce((sum, score) => sum + score, 0) / items);
    return { seed, ...(ids && { ids }), scores, means };
  });
}

function byModel<T>(of: (model: Model) => T): Record<Model, T> {
  return Object.fromEntries(models.map((model) => [model, of(model)])) as Record<Model, T>;
}

/** One cell for each task and seed, both of which have effects of their own on what is gained and on the gap. */
export function drawTasks(options: { tasks: number; seeds: number; sweep: number }) {
  const { tasks, seeds, sweep } = options;
  const random = Random.of(0, 'coverage of tasks', tasks, seeds, sweep);
  const effects = (count: number, spread: number) =>
    Array.from({ length: count }, () => ({ gain: spread * random.normal(), gap: spread * random.normal() }));
  const ofTask = effects(tasks, 0.02);
  const ofSeed = effects(seeds, 0.01);
  return ofTask.flatMap((task, taskIndex) =>
    ofSeed.map((seed, seedIndex) => {
      const weak = weakAccuracy + 0.03 * random.normal();
      const noise = (): number => 0.02 * random.normal();
      return {
        weak,
        student: weak + truth.taskGain + task.gain + seed.gain + noise(),
        ceiling: weak + truth.taskGain / truth.recovered + task.gap + seed.gap + noise(),
        levels: { task: String(taskIndex), seed: String(seedIndex) },
      };
    }),
  );
}
