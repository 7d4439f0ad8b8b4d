/** @file Shapes whose dimensions are numbers or names (`batch`), and the rules by which they combine. */

/** A dimension: its size, or the name of a size that is known only when the graph runs. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** A shape that an operator cannot take; the graph adds which operator and which node. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** `[batch, 3]` */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The axis counted from the front. */
export function normalizeAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new ShapeError(`axis ${axis} does not exist in a tensor of rank ${rank}`);
  }
  return normal;
}

/** The dimension of a shape at an axis, which may be counted from the back. */
export function dimAt(shape: Shape, axis: number): Dim {
  return shape[normalizeAxis(axis, shape.length)] as Dim;
}

/** Numpy's broadcasting. A named dimension goes with itself and with 1 only. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new ShapeError(`${shapeText(a)} and ${shapeText(b)} do not broadcast: ${left} against ${right}`);
  });
}

/** The axes of `from` over which a gradient is summed to get back to `to`, which was broadcast to `from`. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const offset = from.length - to.length;
  return from.flatMap((dim, axis) => (axis < offset || (to[axis - offset] === 1 && dim !== 1) ? [axis] : []));
}

/** The shape as numbers, where every dimension has to be known while the graph is built. */
export function staticShape(shape: Shape, why: string): number[] {
  return shape.map((dim) => {
    if (typeof dim === 'number') return dim;
    throw new ShapeError(
      `${why} needs sizes known when the graph is built, and "${dim}" of ${shapeText(shape)} is not`,
    );
  });
}

/** The size of several dimensions taken as one: a number, or a product such as `2·batch·length`. */
export function product(...dims: Dim[]): Dim {
  const { factor, names } = elementCount(dims);
  if (names.length === 0) return factor;
  return (factor === 1 ? names : [factor, ...names]).join('·');
}

/** Number of elements as a factor times named dimensions, so that two shapes can be compared for holding as many. */
export function elementCount(shape: Shape): { factor: number; names: string[] } {
  let factor = 1;
  const names: string[] = [];
  for (const part of shape.flatMap((dim) => String(dim).split('·'))) {
    if (Number.isInteger(Number(part))) factor *= Number(part);
    else names.push(part);
  }
  return { factor, names: names.sort() };
}
