/** @file Checks of gradients: reading and writing by index, losses over class numbers, packed weights. */
import fc from 'fast-check';
import { Random } from '../../../base/random.js';
import type { Value } from '../../graph.js';
import * as o from '../../operators/index.js';
import { sizeOf } from '../../tensor.js';
import {
  anywhere,
  apart,
  type Check,
  type Checks,
  dim,
  fixed,
  indexInto,
  oneOf,
  shapeAndAxis,
  shapes,
} from './define.js';

const ints = (x: Value, shape: readonly number[], values: readonly number[]) =>
  x.graph.constant('int64', shape, values);
const at = (axis: number, rank: number) => (axis + rank) % rank;

/** `count` numbers from a stream of any indices into an axis. */
const indexList = (size: number, shape: readonly number[]) =>
  fc.array(indexInto(size), { minLength: sizeOf(shape), maxLength: sizeOf(shape) });

const gathers = fc
  .tuple(shapeAndAxis(), shapes(0, 2))
  .chain(([{ shape, axis }, indexShape]) =>
    indexList(shape.at(axis) as number, indexShape).map((indices) => ({ shape, axis, indexShape, indices })),
  );

/** Indices that a graph computes, so that nobody knows them when it is built: int64, as constants are added to 0. */
const computed = (x: Value, shape: readonly number[], values: readonly number[]) => {
  const zero = o.cast(o.mul(o.detach(o.reduceSum(x)), 0), 'int64');
  return o.add(zero, ints(x, shape, values));
};

/** Shapes as x's but along one axis, and indices of that shape. */
const elementIndices = (isUnique: boolean) =>
  shapeAndAxis().chain(({ shape, axis }) => {
    const along = at(axis, shape.length);
    const size = shape[along] as number;
    return (isUnique ? fc.integer({ min: 1, max: size }) : dim).chain((count) => {
      const indexShape = shape.map((d, i) => (i === along ? count : d));
      const after = sizeOf(shape.slice(along + 1));
      const lines = sizeOf(indexShape) / count;
      const line = isUnique
        ? fc.shuffledSubarray(
            Array.from({ length: size }, (_, i) => i),
            { minLength: count, maxLength: count },
          )
        : fc.array(indexInto(size), { minLength: count, maxLength: count });
      return fc.array(line, { minLength: lines, maxLength: lines }).map((drawn) => {
        // Line l goes along the axis at outer index ⌊l/after⌋ and inner index l mod after.
        const indices = Array.from({ length: sizeOf(indexShape) }, (_, flat) => {
          const inner = flat % after;
          const place = Math.floor(flat / after) % count;
          const outer = Math.floor(flat / after / count);
          return (drawn[outer * after + inner] as number[])[place] as number;
        });
        return { shape, axis, indexShape, indices };
      });
    });
  });

/** Indices [..., k] of slices, by their places among all of them. */
const slices = (isUnique: boolean) =>
  fc.tuple(shapes(1), fc.nat({ max: 2 }), shapes(1, 2)).chain(([shape, extra, drawn]) => {
    const k = 1 + (extra % shape.length);
    const total = sizeOf(shape.slice(0, k));
    const outer = isUnique ? [Math.min(total, drawn[0] as number)] : drawn;
    const numbers = isUnique
      ? fc.shuffledSubarray(
          Array.from({ length: total }, (_, i) => i),
          { minLength: outer[0], maxLength: outer[0] as number },
        )
      : fc.array(fc.nat({ max: total - 1 }), { minLength: sizeOf(outer), maxLength: sizeOf(outer) });
    return fc.tuple(numbers, fc.boolean()).map(([rows, fromBack]) => ({
      shape,
      updates: [...outer, ...shape.slice(k)],
      indexShape: [...outer, k],
      indices: rows.flatMap((row) =>
        unravel(row, shape.slice(0, k)).map((i, axis) =>
          fromBack && axis === 0 ? i - (shape[0] as number) : i,
        ),
      ),
    }));
  });

function unravel(row: number, sizes: readonly number[]): number[] {
  return sizes.map((size, axis) => Math.floor(row / sizeOf(sizes.slice(axis + 1))) % size);
}

/** Scores [N, C, …], labels of which some are ignored, weights of the classes. */
const losses = (build: (scores: Value, labels: Value, options: o.LossOptions) => Value): Check =>
  fc
    .tuple(
      dim,
      dim,
      shapes(0, 2),
      fc.constantFrom('none', 'mean', 'sum'),
      fc.boolean(),
      fc.constantFrom(undefined, -100, 0),
      fc.infiniteStream(fc.nat()),
    )
    .map(([n, classes, positions, reduction, hasWeights, ignored, stream]) => {
      const shape = [n, ...positions];
      const labels = Array.from({ length: sizeOf(shape) }, (_, i) => {
        const label = (stream.next().value as number) % (classes + 1);
        // At least the first one counts.
        if (label < classes && !(i === 0 && label === ignored)) return label;
        return ignored === -100 && i > 0 ? ignored : classes - 1;
      });
      const counts = labels.some((label) => label !== ignored);
      return {
        text: JSON.stringify({ reduction, ignored, labels }),
        build: (scores, weights) =>
          build(scores, ints(scores, shape, labels), {
            reduction: counts ? reduction : 'sum',
            ignored,
            weights: hasWeights ? weights : undefined,
          }),
        specs: [
          { shape: [n, classes, ...positions] },
          ...(hasWeights ? [{ shape: [classes], between: [0.5, 2] as const }] : []),
        ],
      };
    });

/** Weights [3, 16] of four bits, their scales, and what they stand for. */
const packed = (() => {
  const random = Random.of(3, 'packed weights');
  const bytes = Uint8Array.from({ length: 3 * 8 }, () => Math.floor(random.uniform() * 256));
  const scales = [0.5, 0.25, 1];
  const weights = [...bytes].flatMap((byte, i) =>
    [byte & 15, byte >> 4].map((element) => (element - 8) * (scales[Math.floor(i / 8)] as number)),
  );
  return { bytes, scales, weights };
})();

export const indexing: Checks = {
  Gather: oneOf(
    gathers.map(({ shape, axis, indexShape, indices }) => ({
      text: JSON.stringify({ axis, indices }),
      build: (x) => o.gather(x, ints(x, indexShape, indices), axis),
      specs: [{ shape }],
    })),
    gathers.map(({ shape, axis, indexShape, indices }) => ({
      text: JSON.stringify({ axis, computed: indices }),
      build: (x) => o.apply(x.graph, o.Gather, [x, computed(x, indexShape, indices)], { axis })[0] as Value,
      specs: [{ shape }],
    })),
  ),
  GatherUnique: fixed((x) => o.gatherUnique(x, ints(x, [3], [4, 0, 2])), [anywhere(5, 2)]),
  GatherElements: elementIndices(false).map(({ shape, axis, indexShape, indices }) => ({
    text: JSON.stringify({ axis, indices }),
    build: (x) => o.gatherElements(x, ints(x, indexShape, indices), axis),
    specs: [{ shape }],
  })),
  GatherND: oneOf(
    slices(false).map(({ shape, indexShape, indices }) => ({
      text: JSON.stringify({ indices }),
      build: (x) => o.gatherND(x, ints(x, indexShape, indices)),
      specs: [{ shape }],
    })),
    fixed((x) => o.gatherND(x, ints(x, [2, 2, 1], [0, 2, 1, -2]), 1), [anywhere(2, 3, 2)], {
      text: 'batch_dims 1',
    }),
    fixed((x) => o.gatherND(x, ints(x, [2, 2, 1], [1, 1, 0, 1]), 2), [anywhere(2, 2, 2)], {
      text: 'batch_dims 2',
    }),
  ),
  ScatterElements: oneOf(
    elementIndices(false).map(({ shape, axis, indexShape, indices }) => ({
      text: JSON.stringify({ axis, indices, reduction: 'add' }),
      build: (x, u) => o.scatterElements(x, ints(x, indexShape, indices), u, axis, 'add'),
      specs: [{ shape }, { shape: indexShape }],
    })),
    elementIndices(true).map(({ shape, axis, indexShape, indices }) => ({
      text: JSON.stringify({ axis, indices }),
      build: (x, u) => o.scatterElements(x, ints(x, indexShape, indices), u, axis, 'none'),
      specs: [{ shape }, { shape: indexShape }],
    })),
  ),
  ScatterND: oneOf(
    slices(true).map(({ shape, indexShape, indices, updates }) => ({
      text: JSON.stringify({ indices }),
      build: (x, u) => o.scatterND(x, ints(x, indexShape, indices), u),
      specs: [{ shape }, { shape: updates }],
    })),
    slices(false).map(({ shape, indexShape, indices, updates }) => ({
      text: JSON.stringify({ indices, reduction: 'add' }),
      build: (x, u) => o.scatterND(x, ints(x, indexShape, indices), u, 'add'),
      specs: [{ shape }, { shape: updates }],
    })),
  ),
  TopK: fc.tuple(shapeAndAxis(), fc.nat(), fc.boolean()).map(([{ shape, axis }, n, largest]) => ({
    text: JSON.stringify({ axis, largest }),
    build: (x) => o.topK(x, 1 + (n % (shape.at(axis) as number)), axis, largest).values,
    specs: [apart(...shape)],
  })),
  CrossEntropy: oneOf(
    fixed((x) => o.crossEntropy(x, ints(x, [3], [2, 0, 2])), [anywhere(3, 4)]),
    fixed(
      (x) => {
        const { loss, logProbabilities } = o.crossEntropyParts(x, ints(x, [3], [2, 0, 2]));
        return o.mul(o.reduceSum(o.mul(logProbabilities, logProbabilities), [1]), loss);
      },
      [anywhere(3, 4)],
      { text: 'with log-probabilities' },
    ),
    fixed((x) => o.crossEntropyParts(x, ints(x, [3], [2, 0, 2])).logProbabilities, [anywhere(3, 4)], {
      text: 'log-probabilities alone',
    }),
  ),
  SoftmaxCrossEntropyLoss: losses(
    (scores, labels, options) => o.softmaxCrossEntropyLoss(scores, labels, options).loss,
  ),
  NegativeLogLikelihoodLoss: losses(o.negativeLogLikelihoodLoss),
  MatMulNBits: fixed(
    (x, bias) =>
      o.apply(
        x.graph,
        o.MatMulNBits,
        [
          x,
          x.graph.constant('uint8', [3, 1, 8], packed.bytes),
          x.graph.constant('float32', [3], packed.scales),
          undefined,
          undefined,
          bias,
        ],
        { K: 16, N: 3, bits: 4, block_size: 16 },
      )[0] as Value,
    [anywhere(2, 2, 16), anywhere(3)],
    {
      reference: (x, bias) =>
        o.add(o.matmul(x, o.transpose(x.graph.constant(x.dtype, [3, 16], packed.weights), [1, 0])), bias),
    },
  ),
};
