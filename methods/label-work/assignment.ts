/** @file The assignment problem: who does what, so that the gains add up to the most. */

/**
 * The Hungarian algorithm by shortest augmenting paths (Jonker & Volgenant 1987), O(n³).
 * @param gains n × n: what row i gains by column j
 * @returns the column of each row, all different, with the largest sum of gains
 */
export function assign(gains: readonly (readonly number[])[]): number[] {
  const n = gains.length;
  // Row 0 and column 0 are where paths begin; rows and columns count from 1.
  const rowPrice = new Array<number>(n + 1).fill(0);
  const columnPrice = new Array<number>(n + 1).fill(0);
  const rowOf = new Array<number>(n + 1).fill(0);
  for (let row = 1; row <= n; row++) {
    const slack = new Array<number>(n + 1).fill(Infinity);
    const before = new Array<number>(n + 1).fill(0);
    const visited = new Array<boolean>(n + 1).fill(false);
    rowOf[0] = row;
    let column = 0;
    do {
      visited[column] = true;
      const current = rowOf[column]!;
      let next = 0;
      let least = Infinity;
      for (let other = 1; other <= n; other++) {
        if (visited[other]!) continue;
        const reduced = -gains[current - 1]![other - 1]! - rowPrice[current]! - columnPrice[other]!;
        if (reduced < slack[other]!) {
          slack[other] = reduced;
          before[other] = column;
        }
        if (slack[other]! < least) {
          least = slack[other]!;
          next = other;
        }
      }
      for (let other = 0; other <= n; other++) {
        if (visited[other]!) {
          rowPrice[rowOf[other]!] = rowPrice[rowOf[other]!]! + least;
          columnPrice[other] = columnPrice[other]! - least;
        } else {
          slack[other] = slack[other]! - least;
        }
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const earlier = before[column]!;
      rowOf[column] = rowOf[earlier]!;
      column = earlier;
    }
  }
  const result = new Array<number>(n).fill(0);
  for (let column = 1; column <= n; column++) result[rowOf[column]! - 1] = column - 1;
  return result;
}
