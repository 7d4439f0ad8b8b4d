/** @file Einstein sums, as transposes and matrix products: their rounding does not depend on threads. */
import type { Value } from '../graph.js';
import { ShapeError, shapeText, staticShape } from '../shape.js';
import { sizeOf } from '../tensor.js';
import { need, type Rewrite } from './define.js';
import { mul } from './elementwise.js';
import { gather } from './gather.js';
import { matmul } from './linalg.js';
import { transpose } from './movement.js';
import { reduceSum } from './reduction.js';
import { reshape } from './reshape.js';

/** A tensor whose axes have labels; no label twice. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** Labels of each operand's axes and of the result's. The axes that an ellipsis stands for are named 0, 1, … */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/** Reads `bij,bjk->bik`; without an arrow the result has the labels that stand once, in alphabetical order. */
function parseEquation(equation: string, ranks: readonly number[]): Equation {
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (more.length > 0 || terms.length !== ranks.length || !/^[A-Za-z.,]*$/.test(left + (right ?? ''))) {
    throw new ShapeError(`"${equation}" is no equation of ${ranks.length} operands`);
  }
  const hidden = terms.map((term, i) => (term.includes('...') ? (ranks[i] as number) - term.length + 3 : 0));
  const widest = Math.max(0, ...hidden);
  const labelsOf = (term: string, count: number) => {
    const [before = '', after = '', ...rest] = term.split('...');
    if (rest.length > 0 || (before + after).includes('.'))
      throw new ShapeError(`"${term}" in "${equation}" cannot be read`);
    const ellipsis = Array.from({ length: Math.max(0, count) }, (_, i) => String(widest - count + i));
    return term.includes('...') ? [...before, ...ellipsis, ...after] : [...before];
  };
  const operands = terms.map((term, i) => labelsOf(term, hidden[i] as number));
  operands.forEach((labels, i) => {
    if (labels.length !== ranks[i])
      throw new ShapeError(`"${terms[i]}" in "${equation}" does not name ${ranks[i]} axes`);
  });
  if (right !== undefined) return { operands, result: labelsOf(right, widest) };
  const all = operands.flat();
  const single = [...new Set(all)].filter(
    (label) => /[A-Za-z]/.test(label) && all.indexOf(label) === all.lastIndexOf(label),
  );
  return { operands, result: [...Array.from({ length: widest }, (_, i) => String(i)), ...single.sort()] };
}

const sizesOf = (x: Value) => staticShape(x.shape, 'an Einstein sum');

function inOrder({ value, labels }: Labelled, order: readonly string[]): Value {
  const perm = order.map((label) => labels.indexOf(label));
  return perm.every((axis, i) => axis === i) ? value : transpose(value, perm);
}

/** Of a label that stands twice on an operand, the elements whose two indices are the same. */
function withoutRepeats({ value, labels }: Labelled): Labelled {
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return { value, labels };
  const first = labels.indexOf(labels[second] as string);
  const sizes = sizesOf(value);
  const n = sizes[first] as number;
  if (sizes[second] !== n)
    throw new ShapeError(`label ${labels[first]} stands for axes of ${n} and of ${sizes[second]}`);
  const others = labels.flatMap((_, axis) => (axis === first || axis === second ? [] : [axis]));
  const turned = transpose(value, [...others, first, second]);
  const flat = reshape(turned, [...others.map((axis) => sizes[axis] as number), n * n]);
  const diagonal = value.graph.constant(
    'int64',
    [n],
    Array.from({ length: n }, (_, i) => i * (n + 1)),
  );
  return withoutRepeats({
    value: gather(flat, diagonal, others.length),
    labels: [...others.map((axis) => labels[axis] as string), labels[first] as string],
  });
}

/** Without the axes of size 1 that other operands have wider, and summed over the labels that nobody else has. */
function narrowed(
  operand: Labelled,
  sizes: ReadonlyMap<string, number>,
  needed: ReadonlySet<string>,
): Labelled {
  const own = sizesOf(operand.value);
  const kept = operand.labels.filter((label, axis) => own[axis] === sizes.get(label));
  const value = reshape(
    operand.value,
    kept.map((label) => sizes.get(label) as number),
  );
  const summed = kept.flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  const rest = kept.filter((label) => needed.has(label));
  return { value: summed.length === 0 ? value : reduceSum(value, summed), labels: rest };
}

/** Two operands as one: a product of matrices, for each value of the labels that both have and that stay. */
function product(
  a: Labelled,
  b: Labelled,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Labelled {
  const both = a.labels.filter((label) => b.labels.includes(label));
  const batch = both.filter((label) => needed.has(label));
  const inner = both.filter((label) => !needed.has(label));
  const rows = a.labels.filter((label) => !both.includes(label));
  const columns = b.labels.filter((label) => !both.includes(label));
  const size = (labels: readonly string[]) => labels.map((label) => sizes.get(label) as number);
  const count = (labels: readonly string[]) => sizeOf(size(labels));
  const outer = batch.length === 0 ? [] : [count(batch)];
  const left = reshape(inOrder(a, [...batch, ...rows, ...inner]), [...outer, count(rows), count(inner)]);
  const right = reshape(inOrder(b, [...batch, ...inner, ...columns]), [
    ...outer,
    count(inner),
    count(columns),
  ]);
  const labels = [...batch, ...rows, ...columns];
  const result = inner.length === 0 ? mul(left, right) : matmul(left, right);
  return { value: reshape(result, size(labels)), labels };
}

/** The size that each label stands for; an axis of size 1 goes with any. */
function labelSizes(operands: readonly Labelled[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { value, labels } of operands) {
    sizesOf(value).forEach((size, axis) => {
      const label = labels[axis] as string;
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && size !== 1 && size !== known) {
        throw new ShapeError(
          `label ${label} stands for ${known} and for ${size} in ${shapeText(value.shape)}`,
        );
      }
      sizes.set(label, Math.max(known, size));
    });
  }
  return sizes;
}

/** The Einstein sum of any number of values: `einsum('bij,bjk->bik', a, b)`. */
export function einsum(equation: string, ...values: Value[]): Value {
  const { operands, result } = parseEquation(
    equation,
    values.map(({ shape }) => shape.length),
  );
  const given = values.map((value, i) => withoutRepeats({ value, labels: operands[i] as readonly string[] }));
  const sizes = labelSizes(given);
  const unknown = result.find((label) => !sizes.has(label));
  if (unknown !== undefined)
    throw new ShapeError(`"${equation}": no operand has the result's label ${unknown}`);
  if (new Set(result).size < result.length)
    throw new ShapeError(`"${equation}" names an axis of the result twice`);
  const neededBy = (rest: readonly Labelled[]) =>
    new Set([...result, ...rest.flatMap(({ labels }) => labels)]);
  const list = given.map((operand, i) => narrowed(operand, sizes, neededBy(given.filter((_, k) => k !== i))));
  const [first, ...others] = list as [Labelled, ...Labelled[]];
  const sum = others.reduce((a, b, i) => product(a, b, neededBy(others.slice(i + 1)), sizes), first);
  return inOrder(sum, result);
}

export const Einsum: Rewrite = {
  name: 'Einsum',
  attributes: { equation: 'string' },
  defaults: {},
  parts: ['Transpose', 'Reshape', 'MatMul', 'Mul', 'ReduceSum'],
  build: ({ inputs, attributes }) => [
    einsum(String(attributes['equation']), ...inputs.map((_, i) => need(inputs, i))),
  ],
};
