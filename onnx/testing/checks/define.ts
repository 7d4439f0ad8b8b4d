/** @file How checks of gradients are written: random shapes, axes and attributes, and the functions under them. */
import fc from 'fast-check';
import type { Attributes, Value } from '../../graph.js';
import { apply, type Entry } from '../../operators/index.js';
import type { Argument, GradientCase } from '../central_differences.js';

/** Cases of an entry of the operator table. */
export type Check = fc.Arbitrary<GradientCase>;
/** Entry's name → its cases. */
export type Checks = Readonly<Record<string, Check>>;

export type Range = readonly [number, number];

export const anywhere = (...shape: number[]): Argument => ({ shape });
export const within = (between: Range, ...shape: number[]): Argument => ({ shape, between });
export const positive = (...shape: number[]): Argument => within([0.5, 2], ...shape);
/** Numbers of which no two are close. */
export const apart = (...shape: number[]): Argument => ({ shape, apart: true });

export const dim = fc.integer({ min: 1, max: 3 });
export const shapes = (minimum = 0, maximum = 3): fc.Arbitrary<number[]> =>
  fc.array(dim, { minLength: minimum, maxLength: maximum });

/** A tensor's shape and one of its axes, counted from either end. */
export const shapeAndAxis = (minimum = 1, maximum = 3): fc.Arbitrary<{ shape: number[]; axis: number }> =>
  shapes(minimum, maximum).chain((shape) =>
    fc.integer({ min: -shape.length, max: shape.length - 1 }).map((axis) => ({ shape, axis })),
  );

/** A shape and some of its axes, from either end. */
export const shapeAndAxes = (minimum = 1): fc.Arbitrary<{ shape: number[]; axes: number[] }> =>
  shapes(1).chain((shape) =>
    fc
      .tuple(
        fc.subarray([...shape.keys()], { minLength: Math.min(minimum, shape.length) }),
        fc.infiniteStream(fc.boolean()),
      )
      .map(([axes, coins]) => ({
        shape,
        axes: axes.map((axis) => (coins.next().value === true ? axis - shape.length : axis)),
      })),
  );

/** Shapes that broadcast: a common one, with some axes set to 1 and some cut off in front. */
export function broadcasting(count: number, maximum = 3): fc.Arbitrary<number[][]> {
  return fc
    .tuple(shapes(0, maximum), fc.infiniteStream(fc.boolean()), fc.infiniteStream(fc.nat({ max: maximum })))
    .map(([shape, coins, cuts]) =>
      Array.from({ length: count }, () => {
        const narrowed = shape.map((size) => (coins.next().value === true ? size : 1));
        return narrowed.slice(coins.next().value === true ? Number(cuts.next().value) : 0);
      }),
    );
}

/** One of several kinds of cases. */
export const oneOf = (...checks: Check[]): Check => fc.oneof(...checks);

/** The first output of an entry of the table. */
export const outputOf =
  (entry: Entry, attributes: Attributes = {}) =>
  (...values: Value[]): Value =>
    apply((values[0] as Value).graph, entry, values, attributes)[0] as Value;

/** A case that is always the same. */
export function fixed(
  build: (...values: Value[]) => Value,
  specs: readonly Argument[],
  rest: Partial<GradientCase> = {},
): Check {
  return fc.constant({ text: '', build, specs, ...rest });
}

interface UnaryOptions {
  readonly between?: Range;
  readonly kinks?: readonly number[];
  /** ONNX Runtime has no float64 kernel for it. */
  readonly isSingle?: boolean;
}

/** A function of single numbers, of tensors of any shape. */
export function unary(
  build: (x: Value) => Value,
  scalar: (x: number) => number,
  { isSingle = false, ...spec }: UnaryOptions = {},
): Check {
  return shapes().map((shape) => ({ text: '', build, scalar, isSingle, specs: [{ shape, ...spec }] }));
}

/** {@link unary}, with one attribute. */
export function unaryWith(
  between: Range,
  make: (attribute: number) => { build: (x: Value) => Value; scalar: (x: number) => number } & UnaryOptions,
): Check {
  return fc
    .tuple(shapes(1), fc.double({ min: between[0], max: between[1], noNaN: true }))
    .map(([shape, drawn]) => {
      const attribute = Math.fround(Math.round(drawn * 100) / 100);
      const { build, scalar, isSingle = true, ...spec } = make(attribute);
      return { text: `attribute ${attribute}`, build, scalar, isSingle, specs: [{ shape, ...spec }] };
    });
}

/** A function of two operands that broadcast. */
export function binary(
  build: (a: Value, b: Value) => Value,
  left: Omit<Argument, 'shape'> = {},
  right: Omit<Argument, 'shape'> = {},
): Check {
  return broadcasting(2).map(([a = [], b = []]) => ({
    text: '',
    build,
    specs: [
      { shape: a, ...left },
      { shape: b, ...right },
    ],
  }));
}

/** Constant indices into an axis, from either end where `both`. */
export function indexInto(size: number, both = true): fc.Arbitrary<number> {
  return fc.integer({ min: both ? -size : 0, max: size - 1 });
}

/** The error function in double precision: its power series, which is exact to 1e-12 up to 3. */
export function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
