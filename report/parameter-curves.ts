/** @file Scores against a parameter for which the sweep gives several numbers, a task's or a method's. */
import { cellsInterval } from '../metrics/components.js';
import { done, type CellTable, type Row } from './cells.js';
import type { ParameterCurve, TrialResult } from './results.js';

type Values = Readonly<Record<string, unknown>>;

/** Every curve of a group's rows: over each parameter that takes two numbers or more. */
export function parameterCurves(rows: readonly Row[], table: CellTable): ParameterCurve[] {
  return [...taskCurves(rows, table), ...methodCurves(rows, table)];
}

/** Each row against a parameter of its task, once for each choice of the others. */
function taskCurves(rows: readonly Row[], table: CellTable): ParameterCurve[] {
  const trials = rows.flatMap((row) => done(row));
  return numericParameters(trials.map(({ taskValues }) => taskValues)).flatMap((parameter) => {
    const choices = [...new Set(trials.map(({ taskValues }) => withoutValue(taskValues, parameter)))];
    return choices.flatMap((others) =>
      rows.flatMap((row): ParameterCurve[] => {
        const fitting = done(row).filter(({ taskValues }) => withoutValue(taskValues, parameter) === others);
        return curveOf(row, fitting, ({ taskValues }) => taskValues[parameter], table, {
          of: 'task',
          parameter,
          others,
          series: row.method,
        });
      }),
    );
  });
}

/** Rows of one method, whose names tell their values, as one line. */
function methodCurves(rows: readonly Row[], table: CellTable): ParameterCurve[] {
  const names = [...new Set(rows.map(({ method }) => nameOf(method)))];
  return names.flatMap((name) => {
    const own = rows.filter(({ method }) => nameOf(method) === name);
    const trials = own.flatMap((row) => done(row));
    return numericParameters(trials.map(({ methodValues }) => methodValues)).flatMap((parameter) => {
      const choices = [...new Set(trials.map(({ methodValues }) => withoutValue(methodValues, parameter)))];
      return choices.flatMap((others) => {
        const fitting = trials.filter(({ methodValues }) => withoutValue(methodValues, parameter) === others);
        return curveOf(own[0]!, fitting, ({ methodValues }) => methodValues[parameter], table, {
          of: 'method',
          parameter,
          others: '',
          series: others === '' ? name : `${name} ${others}`,
        });
      });
    });
  });
}

function curveOf(
  { task, weak, strong, role }: Row,
  trials: readonly TrialResult[],
  valueOf: (trial: TrialResult) => unknown,
  table: CellTable,
  named: Pick<ParameterCurve, 'of' | 'parameter' | 'others' | 'series'>,
): ParameterCurve[] {
  const numbers = [...new Set(trials.map(valueOf))].filter((value) => typeof value === 'number');
  const [first] = trials;
  if (numbers.length < 2 || first?.score === undefined) return [];
  const points = numbers
    .sort((a, b) => a - b)
    .map((at) => {
      const here = trials.filter((trial) => valueOf(trial) === at);
      const cells = table.values({ task, weak, strong, method: named.series, role, trials: here });
      return { at, score: cellsInterval(cells), cells: cells.length };
    });
  return [{ group: { task, weak, strong }, ...named, role, metric: first.score.metric, points }];
}

/**
 * The parameter that takes the most different numbers, two or more; the others tell one curve from the next. None, or
 * one: curves over every one of them would show each score several times.
 */
function numericParameters(values: readonly Values[]): string[] {
  const names = [...new Set(values.flatMap((value) => Object.keys(value)))];
  const sizes = names.flatMap((name) => {
    const numbers = [
      ...new Set(values.map((value) => value[name]).filter((value) => typeof value === 'number')),
    ];
    return areOrdinals(numbers) ? [] : [{ name, size: numbers.length }];
  });
  const [most] = sizes.sort((a, b) => b.size - a.size);
  return most !== undefined && most.size > 1 ? [most.name] : [];
}

/** 0, 1, 2, … tell things from each other (dialects, concepts); they do not measure anything. */
const areOrdinals = (numbers: readonly number[]): boolean =>
  [...numbers].sort((a, b) => a - b).every((number, index) => number === index);

const nameOf = (method: string): string =>
  method.includes('=') ? method.slice(0, method.search(/ [^ ]*=/)) : method;

const withoutValue = (values: Values, parameter: string): string =>
  Object.entries(values)
    .filter(([name]) => name !== parameter)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
