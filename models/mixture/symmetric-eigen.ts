/** @file Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations. */

export interface Eigen {
  /** [d], in no order. */
  readonly values: number[];
  /** [d][d]: row j is the unit eigenvector of value j. */
  readonly vectors: number[][];
}

/** Sweeps after which the rotations have long converged: it takes six to ten. */
const mostSweeps = 60;

/**
 * The cyclic Jacobi method (Golub & Van Loan, Matrix Computations, 8.5): rotations in the plane (p, q) that make
 * a_pq 0, again and again over all p < q, until nothing off the diagonal is left beside rounding.
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const d = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => Array.from({ length: d }, (_, j) => Number(i === j)));
  const size = Math.sqrt(a.flat().reduce((sum, value) => sum + value ** 2, 0));
  for (let sweep = 0; sweep < mostSweeps && offDiagonal(a) > 1e-15 * size; sweep++) {
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, v, p, q);
  }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

function offDiagonal(a: readonly number[][]): number {
  let squares = 0;
  for (let p = 0; p < a.length; p++) for (let q = 0; q < p; q++) squares += 2 * a[p]![q]! ** 2;
  return Math.sqrt(squares);
}

/** a ← Jᵀ a J and v ← Jᵀ v, for the rotation J in the plane (p, q) that makes a_pq 0. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const between = a[p]![q]!;
  if (between === 0) return;
  const tau = (a[q]![q]! - a[p]![p]!) / (2 * between);
  const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau ** 2));
  const cosine = 1 / Math.sqrt(1 + tangent ** 2);
  const sine = tangent * cosine;
  for (const row of a) [row[p], row[q]] = turned(row[p]!, row[q]!, cosine, sine);
  for (const rows of [a, v]) {
    const [first, second] = [rows[p]!, rows[q]!];
    first.forEach((_, j) => {
      [first[j], second[j]] = turned(first[j]!, second[j]!, cosine, sine);
    });
  }
}

function turned(x: number, y: number, cosine: number, sine: number): [number, number] {
  return [cosine * x - sine * y, sine * x + cosine * y];
}
