/** @file Statistics as people read them; nothing but printing ever rounds. */
import type { GapRecovered, Interval } from '../report/results.js';

/** "0.852 [0.811, 0.893]"; "0.852 (no interval)" where one cell, or cells that all agree, tell nothing of the spread. */
export function formatInterval(
  estimate: Interval & ({ mean: number } | { value: number }),
  digits = 3,
): string {
  const centre = formatNumber('mean' in estimate ? estimate.mean : estimate.value, digits);
  if (estimate.low === null && estimate.high === null) return `${centre} (no interval)`;
  return `${centre} ${formatEnds(estimate, digits)}`;
}

/** Digits after the point that a score is shown with: three, more where three significant ones need them. */
export function scoreDigits(value: number): number {
  const size = Math.abs(value);
  return size === 0 || size >= 0.1 ? 3 : Math.min(8, 2 - Math.floor(Math.log10(size)));
}

/** A score with its interval: "0.852 [0.811, 0.893]", "0.00321 [0.00290, 0.00352]". */
export function formatScore(estimate: Interval & ({ mean: number } | { value: number })): string {
  return formatInterval(estimate, scoreDigits('mean' in estimate ? estimate.mean : estimate.value));
}

/** Digits of differences: three, more where two significant ones need them. */
export const differenceDigits = (size: number): number => scoreDigits(10 * size);

/** "+0.041 [−0.015, 0.097]" */
export function formatDifference(difference: Interval & { mean: number }): string {
  const digits = differenceDigits(Math.max(Math.abs(difference.mean), spanOf(difference)));
  const text = formatInterval(difference, digits);
  return difference.mean > 0 && !/^0(\.0*)?( |$)/.test(text) ? `+${text}` : text;
}

function spanOf({ low, high }: Interval): number {
  return low === null || high === null ? 0 : (high - low) / 2;
}

/** A p value: "0.012", "< 0.001". */
export function formatP(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : formatNumber(p, 3);
}

/**
 * "0.52 [0.31, 0.74]"; "0.52 (outside −3.10 … 0.21: ceiling − weak is within noise)"; "0.52 (unbounded: ceiling − weak
 * is within noise)"; "0.52 (one cell)"; "– (no gap: …)".
 */
export function formatGap(gap: GapRecovered, digits = 2): string {
  if (gap.value === null) return '– (no gap: the ceiling is not above the weak supervisor)';
  const value = formatNumber(gap.value, digits);
  if (gap.cells === 1) return `${value} (one cell)`;
  switch (gap.kind) {
    case 'bounded':
      return `${value} ${formatEnds(gap, digits)}`;
    case 'exclusive': {
      const ends = `${formatNumber(gap.low ?? -Infinity, digits)} … ${formatNumber(gap.high ?? Infinity, digits)}`;
      return `${value} (unbounded, outside ${ends}: ceiling − weak is within noise)`;
    }
    case 'unbounded':
      return `${value} (unbounded: ceiling − weak is within noise)`;
  }
}

function formatEnds({ low, high }: Interval, digits: number): string {
  const left = low === null ? '(−∞' : `[${formatNumber(low, digits)}`;
  const right = high === null ? '∞)' : `${formatNumber(high, digits)}]`;
  return `${left}, ${right}`;
}

/** A fixed number of digits, with a true minus sign and no negative zero. */
export function formatNumber(value: number, digits: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}
