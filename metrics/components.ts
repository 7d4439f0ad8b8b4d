/** @file The mean over cells that share tasks, pairs or seeds, and its variance: components by Henderson's method 1. */
import { defaultLevel, studentQuantile, upperTail } from './interval.js';
import type { Interval } from '../report/results.js';

/** What was measured in one cell, and what it shares with others. */
export interface CellValues {
  /** One number, or several that vary together: a PGR's numerator and denominator. */
  readonly values: readonly number[];
  /** Factor → level: `{ task: "sciq", seed: "3" }`. All cells name the same factors. */
  readonly levels: Readonly<Record<string, string>>;
  /** What the values are means of. */
  readonly items?: CellItems | undefined;
}

/** The items behind a cell's values, in one order. */
export interface CellItems {
  /** The same number for the same item of the same task, in whichever cell. */
  readonly ids: readonly number[];
  /** For each of the cell's values: what it is for each item. */
  readonly values: readonly (readonly number[])[];
}

type Matrix = readonly (readonly number[])[];

interface Part {
  /** A factor; "items" for test items that cells share; "cell" for what they do not share. */
  readonly factor: string;
  /** Of one level's effect. */
  readonly variance: Matrix;
  /** How much of it is left in the mean: Σ (share of cells in a level)². */
  readonly weight: number;
  readonly degrees: number;
}

/** A mean over cells, with what its uncertainty is made of. */
export interface CellsMean {
  readonly means: readonly number[];
  /** Covariance of the means. */
  readonly covariance: Matrix;
  readonly parts: readonly Part[];
  /** Degrees of freedom of the variance of Σ direction · means. */
  readonly degrees: (direction: readonly number[]) => number;
}

/**
 * One degree of freedom tells nothing of how much the levels of a factor differ: what two seeds, or two tasks, say
 * holds for those two. Their difference stays in that between cells.
 */
export const fewestLevels = 3;

/**
 * Cells are modelled as y = μ + Σ_f u_f(level of f) + e, all effects random, independent and centred at 0: a mean
 * speaks of tasks, pairs and seeds like these, and cells that share one are not counted as independent. The variance
 * components come from the sums of squares between levels, Q_f = Σ_l n_l (ȳ_l − ȳ)², set equal to their expectations
 *
 *     E Q_f = Σ_g σ²_g [ Σ_l Σ_m n²_lm / n_l − Σ_m n²_m / N ] + σ²_e (L_f − 1)
 *
 * (Henderson 1953, method 1; Searle, Casella & McCulloch 1992, §5.3), which is the analysis of variance where the
 * design is balanced, and unbiased where it is not. A factor whose component comes out at or below 0 is left out, its
 * squares counting as differences between cells. Then Var ȳ = Σ_f σ²_f Σ_m (n_m / N)² + σ²_e / N, with degrees of
 * freedom by Satterthwaite (1946) over its terms. With several values, squares become products, components matrices.
 *
 * Where test splits of different seeds were drawn from one pool, cells share items, which no difference between cells
 * shows. Their covariance is estimated from the items themselves, over all pairs of cells c ≠ c′,
 *
 *     C = Σ_{c ≠ c′} Σ_{i in both} r_ci r_c′i / (n_c n_c′) / (N (N − 1)),    r = an item's value − its cell's mean,
 *
 * and added, since E s² / N falls short of Var ȳ by just that (as in the analysis of readers and cases, Gallas 2006).
 *
 * Without a factor or item that cells share this is the mean with s² / N and N − 1 degrees of freedom.
 */
export function meanOverCells(cells: readonly CellValues[]): CellsMean {
  const [first] = cells;
  if (first === undefined) throw new RangeError('there is no mean of nothing');
  if (cells.length === 1) throw new RangeError('one cell tells nothing of how cells differ');
  const width = first.values.length;
  const means = Array.from(
    { length: width },
    (_, k) => cells.reduce((sum, { values }) => sum + values[k]!, 0) / cells.length,
  );
  const centred = cells.map(({ values }) => values.map((value, k) => value - means[k]!));
  let factors = distinct(Object.keys(first.levels).map((name) => factorOf(name, cells))).filter(
    ({ groups }) => groups.length >= fewestLevels && groups.length < cells.length,
  );
  for (;;) {
    const found = componentsOf(centred, factors);
    if (found === undefined) {
      // Too few cells, or too much alike in what they share, to tell the last factor from the others.
      factors = factors.slice(0, -1);
      continue;
    }
    const sizes = found.shared.map(trace);
    const worst = sizes.indexOf(Math.min(...sizes));
    if (worst >= 0 && sizes[worst]! <= 0) {
      factors = factors.filter((_, index) => index !== worst);
      continue;
    }
    return assembled(
      means,
      cells.length,
      factors,
      found.shared.map(positive),
      positive(found.own),
      itemsPart(cells),
    );
  }
}

/** mean ± t · √(variance), over cells; infinite ends for one cell. */
export function cellsInterval(
  cells: readonly CellValues[],
  level = defaultLevel,
): Interval & { mean: number } {
  const [first] = cells;
  if (first !== undefined && cells.length === 1)
    return { mean: first.values[0]!, low: null, high: null, level };
  const found = meanOverCells(cells);
  const mean = found.means[0]!;
  const reach = studentQuantile(upperTail(level), found.degrees([1])) * Math.sqrt(found.covariance[0]![0]!);
  return { mean, low: mean - reach, high: mean + reach, level };
}

/** What cells have in common through items that several of them hold; undefined where none do. */
function itemsPart(cells: readonly CellValues[]): Part | undefined {
  const width = cells[0]!.values.length;
  const total = cells.length;
  // For each item: how often it was met, and Σ over cells of r / n for each value.
  const met = new Map<number, { count: number; sums: number[] }>();
  const within = matrix(width, () => 0);
  for (const { items, values } of cells) {
    if (items === undefined) return undefined;
    const size = items.ids.length;
    items.ids.forEach((id, index) => {
      const entry = met.get(id) ?? { count: 0, sums: new Array<number>(width).fill(0) };
      entry.count++;
      const residuals = values.map((value, k) => (items.values[k]![index]! - value) / size);
      residuals.forEach((residual, a) => {
        entry.sums[a] = entry.sums[a]! + residual;
        residuals.forEach((other, b) => (within[a]![b] = within[a]![b]! + residual * other));
      });
      met.set(id, entry);
    });
  }
  const sharedItems = [...met.values()].filter(({ count }) => count > 1).length;
  if (sharedItems < 2) return undefined;
  const across = matrix(width, () => 0);
  for (const { sums } of met.values())
    sums.forEach((sum, a) => sums.forEach((other, b) => (across[a]![b] = across[a]![b]! + sum * other)));
  const variance = positive(
    matrix(width, (a, b) => (across[a]![b]! - within[a]![b]!) / (total * (total - 1))),
  );
  return { factor: 'items', variance, weight: 1, degrees: sharedItems - 1 };
}

interface Factor {
  readonly name: string;
  /** The cells of each level, by index. */
  readonly groups: readonly (readonly number[])[];
}

function factorOf(name: string, cells: readonly CellValues[]): Factor {
  const groups = new Map<string, number[]>();
  cells.forEach(({ levels }, index) => {
    const level = levels[name];
    if (level === undefined) throw new RangeError(`cell ${index} has no ${name}`);
    const group = groups.get(level);
    if (group === undefined) groups.set(level, [index]);
    else group.push(index);
  });
  return { name, groups: [...groups.values()] };
}

/** Factors that part the cells alike are one: the first of them speaks for all. */
function distinct(factors: readonly Factor[]): Factor[] {
  const shapes = factors.map(({ groups }) => JSON.stringify(groups));
  return factors.filter((_, index) => shapes.indexOf(shapes[index]!) === index);
}

/** Solves the moment equations; components may come out negative. Undefined where they have no solution. */
function componentsOf(
  centred: readonly (readonly number[])[],
  factors: readonly Factor[],
): { shared: number[][][]; own: number[][] } | undefined {
  const width = centred[0]!.length;
  const products = (groups: readonly (readonly number[])[]): number[][] =>
    matrix(width, (a, b) =>
      groups.reduce((sum, group) => {
        const of = (k: number): number => group.reduce((inner, cell) => inner + centred[cell]![k]!, 0);
        return sum + (of(a) * of(b)) / group.length;
      }, 0),
    );
  const each = centred.map((_, cell) => [cell]);
  const rows = [...factors.map(({ groups }) => groups), each];
  const coefficients = rows.map((groups) => [
    ...factors.map((other) => overlap(groups, other.groups) - overlap([each.flat()], other.groups)),
    groups.length - 1,
  ]);
  const sums = rows.map(products);
  const entry = (a: number, b: number): number[] | undefined =>
    solve(
      coefficients,
      sums.map((sum) => sum[a]![b]!),
    );
  const solved = Array.from({ length: width }, (_, a) =>
    Array.from({ length: width }, (_, b) => entry(a, b)),
  );
  if (solved.flat().includes(undefined)) return undefined;
  const component = (index: number): number[][] => matrix(width, (a, b) => solved[a]![b]![index]!);
  return { shared: factors.map((_, index) => component(index)), own: component(factors.length) };
}

/** Σ over groups of Σ over the other's levels of (cells in both)² / (cells in the group). */
function overlap(groups: readonly (readonly number[])[], others: readonly (readonly number[])[]): number {
  const levelOf = new Map(others.flatMap((cells, level) => cells.map((cell) => [cell, level] as const)));
  return groups.reduce((sum, group) => {
    const counts = new Map<number, number>();
    for (const cell of group) counts.set(levelOf.get(cell)!, (counts.get(levelOf.get(cell)!) ?? 0) + 1);
    return sum + [...counts.values()].reduce((inner, count) => inner + count ** 2, 0) / group.length;
  }, 0);
}

function assembled(
  means: readonly number[],
  total: number,
  factors: readonly Factor[],
  shared: readonly Matrix[],
  own: Matrix,
  items: Part | undefined,
): CellsMean {
  const levels = factors.reduce((sum, { groups }) => sum + groups.length - 1, 0);
  const parts: Part[] = [
    ...factors.map(({ name, groups }, index) => ({
      factor: name,
      variance: shared[index]!,
      weight: groups.reduce((sum, group) => sum + (group.length / total) ** 2, 0),
      degrees: groups.length - 1,
    })),
    ...(items === undefined ? [] : [items]),
    { factor: 'cell', variance: own, weight: 1 / total, degrees: Math.max(1, total - 1 - levels) },
  ];
  const covariance = matrix(means.length, (a, b) =>
    parts.reduce((sum, { variance, weight }) => sum + weight * variance[a]![b]!, 0),
  );
  return {
    means,
    covariance,
    parts,
    degrees: (direction) => {
      const terms = parts.map(({ variance, weight, degrees }) => ({
        variance: weight * along(variance, direction),
        degrees,
      }));
      const all = terms.reduce((sum, { variance }) => sum + variance, 0);
      const ownTerm = terms.at(-1)!.variance;
      // What comes from a factor was found as a difference from what comes from cells, and is as uncertain as both.
      return satterthwaite(
        terms.map(({ variance, degrees }, index) => ({
          variance: index === terms.length - 1 || all === 0 ? variance : variance * (1 + ownTerm / all),
          degrees,
        })),
        all,
      );
    },
  };
}

/**
 * Degrees of freedom of a sum of estimates of variances (Satterthwaite 1946); at least 1.
 * @param sum theirs, unless some of them are counted twice
 */
export function satterthwaite(
  terms: readonly { variance: number; degrees: number }[],
  sum = terms.reduce((total, { variance }) => total + variance, 0),
): number {
  const squares = terms.reduce((total, { variance, degrees }) => total + variance ** 2 / degrees, 0);
  const all = terms.reduce((total, { degrees }) => total + degrees, 0);
  return squares === 0 ? all : Math.min(all, Math.max(1, sum ** 2 / squares));
}

/** direction' · variance · direction */
export function along(variance: Matrix, direction: readonly number[]): number {
  return variance.reduce(
    (sum, row, a) => sum + direction[a]! * row.reduce((inner, value, b) => inner + value * direction[b]!, 0),
    0,
  );
}

const matrix = (width: number, of: (a: number, b: number) => number): number[][] =>
  Array.from({ length: width }, (_, a) => Array.from({ length: width }, (_, b) => of(a, b)));

const trace = (variance: Matrix): number => variance.reduce((sum, row, index) => sum + row[index]!, 0);

/** The nearest matrix that is a covariance: of one value, 0 at least; of two, with eigenvalues of 0 at least. */
function positive(variance: Matrix): Matrix {
  if (variance.length === 1) return [[Math.max(0, variance[0]![0]!)]];
  if (variance.length > 2) throw new RangeError('only one or two values vary together here');
  const [[a, b], [, d]] = variance as [[number, number], [number, number]];
  const middle = (a + d) / 2;
  const spread = Math.hypot((a - d) / 2, b);
  if (middle - spread >= 0) return variance;
  const top = Math.max(0, middle + spread);
  if (spread === 0) return matrix(2, (row, column) => (row === column ? top : 0));
  // top · v v', v the eigenvector of the larger eigenvalue: (I + R) / 2 with R the traceless part over spread.
  const turn = [
    [(a - d) / 2 / spread, b / spread],
    [b / spread, -(a - d) / 2 / spread],
  ];
  return matrix(2, (row, column) => (top * ((row === column ? 1 : 0) + turn[row]![column]!)) / 2);
}

/** Gauss–Jordan with pivots, for a handful of unknowns; undefined for a singular system. */
function solve(coefficients: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  const rows = coefficients.map((row, index) => [...row, right[index]!]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const pivot = rows
      .map((row, index) => ({ index, size: index < column ? -1 : Math.abs(row[column]!) }))
      .sort((a, b) => b.size - a.size)[0]!;
    if (pivot.size < 1e-9) return undefined;
    [rows[column], rows[pivot.index]] = [rows[pivot.index]!, rows[column]!];
    const [lead, scale] = [rows[column]!, rows[column]![column]!];
    rows.forEach((row, index) => {
      if (index === column) return;
      const factor = row[column]! / scale;
      for (let k = column; k <= size; k++) row[k] = row[k]! - factor * lead[k]!;
    });
  }
  return rows.map((row, index) => row[size]! / row[index]!);
}
