/** @file Trials side by side: the rows of the table, and what each has in a cell, paired with others there. */
import { canonicalJson } from '../base/json.js';
import type { CellValues } from '../metrics/components.js';
import type { CellAccuracies } from '../metrics/pgr.js';
import type { Metric, TrialResult, TrialRole } from './results.js';

/** What each test item scored in a trial. */
export interface ItemScores {
  /** Ids, the same for the same item of one task in whichever cell. */
  readonly ids: readonly string[];
  readonly scores: readonly number[];
}

/** The scores of a trial's items; undefined where they are not known. */
export type ItemScoresOf = (trial: TrialResult) => ItemScores | undefined;

/** A method on a task and a pair. */
export interface Row {
  readonly task: string;
  readonly weak: string;
  readonly strong: string;
  readonly method: string;
  readonly role: TrialRole;
  readonly trials: readonly TrialResult[];
}

type Known = TrialResult & { readonly score: NonNullable<TrialResult['score']> };

/** The trials that have a score. */
export const done = (row: Pick<Row, 'trials'>): Known[] =>
  row.trials.filter((trial): trial is Known => trial.score !== undefined);

/** What a row's scores are. */
export const metricOf = (row: Pick<Row, 'trials'>): Metric | null => done(row)[0]?.score.metric ?? null;

/** The rows of trials, in their order. */
export function rowsOf(trials: readonly TrialResult[]): Row[] {
  const rows = new Map<string, Row & { trials: TrialResult[] }>();
  for (const trial of trials) {
    const { task, weak, strong, method, role } = trial;
    const identity = JSON.stringify([task, weak, strong, role, method]);
    const row = rows.get(identity) ?? { task, weak, strong, method, role, trials: [] };
    row.trials.push(trial);
    rows.set(identity, row);
  }
  return [...rows.values()];
}

/** Pairs trials by cell, item by item where items are known. */
export class CellTable {
  readonly #trials = new Map<string, Map<string, Known>>();
  readonly #itemsOf: ItemScoresOf;
  readonly #numbers = new Map<string, number>();

  constructor(rows: readonly Row[], itemsOf: ItemScoresOf = () => undefined) {
    this.#itemsOf = itemsOf;
    for (const row of rows)
      for (const trial of done(row)) {
        const cell = this.#trials.get(trial.cell) ?? new Map<string, Known>();
        cell.set(nameOf(row), trial);
        this.#trials.set(trial.cell, cell);
      }
  }

  /** What a trial of that row measured in a cell. */
  at(cell: string, row: Pick<Row, 'role' | 'method'>): Known | undefined {
    return this.#trials.get(cell)?.get(nameOf(row));
  }

  /** The score of each of a row's cells. */
  values(row: Row): CellValues[] {
    return done(row).map((trial) => ({
      values: [trial.score.value],
      levels: levelsOf(trial),
      items: this.#items(trial, [(items) => items.scores]),
    }));
  }

  /** Row − reference in the cells that have both. */
  differences(row: Row, reference: Pick<Row, 'role' | 'method'>): CellValues[] {
    return done(row).flatMap((trial): CellValues[] => {
      const other = this.at(trial.cell, reference);
      if (other === undefined) return [];
      return [
        {
          values: [trial.score.value - other.score.value],
          levels: levelsOf(trial),
          items: this.#items(trial, [this.#minus(other)]),
        },
      ];
    });
  }

  /** Floor, student and ceiling in the cells that have all three. */
  gaps(row: Row): CellAccuracies[] {
    return done(row).flatMap((trial): CellAccuracies[] => {
      const weak = this.at(trial.cell, weakRow);
      const ceiling = this.at(trial.cell, ceilingRow);
      if (weak === undefined || ceiling === undefined) return [];
      const minusWeak = this.#minus(weak);
      return [
        {
          weak: weak.score.value,
          student: trial.score.value,
          ceiling: ceiling.score.value,
          levels: levelsOf(trial),
          items: this.#items(trial, [
            minusWeak,
            () => {
              const top = this.#itemsOf(ceiling);
              return top && minusWeak(top);
            },
          ]),
        },
      ];
    });
  }

  /** A trial's items less another's, which are the same in one cell. */
  #minus(other: TrialResult): (items: ItemScores) => number[] | undefined {
    const beside = this.#itemsOf(other);
    return ({ scores }) =>
      beside?.scores.length === scores.length
        ? scores.map((score, index) => score - beside.scores[index]!)
        : undefined;
  }

  #items(
    trial: TrialResult,
    valuesOf: readonly ((items: ItemScores) => readonly number[] | undefined)[],
  ): CellValues['items'] {
    const items = this.#itemsOf(trial);
    if (items === undefined) return undefined;
    const values = valuesOf.map((of) => of(items));
    if (!values.every((each) => each !== undefined)) return undefined;
    const pool = canonicalJson([trial.task, trial.taskValues]);
    return { ids: items.ids.map((id) => this.#numberOf(`${pool} ${id}`)), values };
  }

  #numberOf(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

const nameOf = ({ role, method }: Pick<Row, 'role' | 'method'>): string => `${role} ${method}`;
export const weakRow = { role: 'weak', method: 'weak supervisor' } as const;
const ceilingRow = { role: 'ceiling', method: 'ceiling' } as const;

/** What a cell shares with others. */
export function levelsOf({ task, taskValues, weak, strong, seed }: TrialResult): Record<string, string> {
  return {
    task,
    values: canonicalJson([task, taskValues]),
    pair: `${weak} ${strong}`,
    seed: String(seed),
  };
}
