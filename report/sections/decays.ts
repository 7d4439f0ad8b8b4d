/** @file The report's section on how risks come down: exponentially or by a power law, and to which plateau. */
import type { Estimate } from '../../metrics/decay.js';
import { decayChart } from '../charts/decay.js';
import { decaysOf, type Decay } from '../decays.js';
import { fragment, type Markup } from '../markup.js';
import type { Results } from '../results.js';
import { percent } from '../rows.js';
import { drawChart } from '../vega.js';
import { figure } from './figures.js';

/** Nothing where no risk was measured along enough numbers. */
export async function decaySection(results: Pick<Results, 'trials'>): Promise<Markup | undefined> {
  const decays = decaysOf(results);
  if (decays.length === 0) return undefined;
  const figures: Markup[] = [];
  for (const decay of decays) {
    const { group, series, parameter, metric } = decay;
    const name = `${metric.name} of ${series} against ${parameter} on ${group}`;
    figures.push(
      figure(await drawChart(decayChart(decay), name), fragment`<b>${name}.</b> ${finding(decay)}`),
    );
  }
  const { level } = decays[0]!.study.difference;
  return fragment`<section id="decay">
    <h2>Decay</h2>
    <p>
      Both fits, a·exp(−b·n) + c and a·n^(−b) + c, are to the mean logarithm over cells; large points are geometric means
      with their ${percent(level)} t interval, small ones cells. Intervals in the text are percentiles over 1,000
      resamples of the cells. ΔAICc = AICc of the power law − AICc of the
      exponential; it is less in resamples, which are noisier than the whole.
    </p>
    ${figures}
  </section>`;
}

/** Both findings in words, with their intervals. */
export function finding({ study, parameter }: Decay): string {
  const { better, difference, agreement, runs, plateau } = study;
  const isExponential = better === 'exponential';
  const [shape, other] = isExponential
    ? ['an exponential', 'a power law']
    : ['a power law', 'an exponential'];
  const isSure = difference.low! > 0 || difference.high! < 0;
  const { b } = study[better];
  const compared =
    `It comes down by ${shape} rather than ${other}${isSure ? '' : ', though not surely so'}: ` +
    `ΔAICc ${significant(difference.value)} (in resamples ${significant(difference.low!)} to ${significant(difference.high!)}), ` +
    `better in ${percent(agreement)} of resamples of ${runs} cells. ` +
    `${isExponential ? `Rate ${estimate(b)} per unit of ${parameter}` : `Exponent ${estimate(b)}`}.`;
  const { low, high } = plateau.from;
  const from =
    `${significant(plateau.from.value ?? Infinity)} ` +
    `[${low === null ? '∞' : significant(low)}, ${high === null ? '∞' : significant(high)}]`;
  const levelled = plateau.reached
    ? `The fit is within 10\u00a0% of its plateau, ${estimate(plateau.level)}, from ${parameter} = ${from} on.`
    : `It comes to no plateau within what was tried (the fitted limit is ${estimate(plateau.level)}).`;
  const settled =
    `Whatever the fit, the risk stays within 10\u00a0% of that at the last ${parameter} from ` +
    `${estimate(plateau.settled)} on.`;
  return `${compared} ${levelled} ${settled}`;
}

function estimate({ value, low, high }: Estimate): string {
  return `${significant(value)} [${significant(low!)}, ${significant(high!)}]`;
}

/** Three significant digits: "0.0321", "9.13e-4", "−1.25". */
function significant(value: number): string {
  if (value === Infinity) return '∞';
  const size = Math.abs(value);
  const text =
    size === 0 || (size >= 1e-3 && size < 1e5)
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(2);
  return text.replace(/^-/, '−');
}
