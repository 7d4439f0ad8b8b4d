/** @file The top of the report: what was run, and the table of methods with what failed. */
import { formatScore } from '../../metrics/format.js';
import { duration } from '../charts/timeline.js';
import { fragment, type Markup } from '../markup.js';
import type { MethodSummary, Results, TrialResult } from '../results.js';
import { gapText, groupsOf, percent, seedsNote, type Group } from '../rows.js';

export function heading(results: Results): Markup {
  const { sweep, device, plan, trials, stages, timings } = results;
  const cells = new Set(trials.map((trial) => trial.cell)).size;
  const done = trials.filter((trial) => trial.status === 'done').length;
  const seconds =
    timings.reduce((sum, { started, finished }) => sum + Date.parse(finished) - Date.parse(started), 0) /
    1000;
  const facts: [string, Markup | string][] = [
    ['device', device],
    ['trials', done === trials.length ? `${done}, all done` : `${done} of ${trials.length} done`],
    ['cells', String(cells)],
    ['stages', String(stages.length)],
    ...(timings.length > 0 ? [['work', duration(seconds)] as [string, string]] : []),
    ['plan', fragment`<span class="key" title="${plan}">${plan.slice(0, 16)}</span>`],
  ];
  return fragment`<header class="top">
    <p class="eyebrow">Weak-to-strong generalization · Temper</p>
    <h1>${sweep}</h1>
    <p class="lead">${headline(results)}</p>
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          fragment`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </header>`;
}

/** The finding in a sentence, only where its interval allows one. */
export function headline(results: Pick<Results, 'summaries'>): string {
  const sentences = groupsOf(results).map((group) => {
    const bounded = group.rows.filter(
      ({ role, pgr }) =>
        role === 'method' && pgr !== null && pgr.value !== null && pgr.kind === 'bounded' && pgr.cells > 1,
    );
    const best = bounded.sort((a, b) => (b.pgr?.value ?? 0) - (a.pgr?.value ?? 0))[0];
    const where = `On ${group.task}, ${group.weak} → ${group.strong}`;
    if (group.rows.every(({ pgr }) => pgr === null)) return `${where}: there is no PGR yet.`;
    if (best === undefined) return `${where}: what was recovered cannot be told from noise.`;
    return `${where}, ${best.method} recovered most: PGR ${gapText(best, new Set())} over ${best.cells} cells.`;
  });
  const most = 3;
  if (sentences.length > most)
    return `${sentences.length} pairs of task and models, each with a table below.`;
  return sentences.join(' ') || 'No trial has a result yet.';
}

export function resultsSection(results: Results): Markup {
  const notes = new Set<string>();
  const tables = groupsOf(results).map(
    (group) =>
      fragment`<h3>${group.title}</h3>
        ${methodTable(group, notes)}`,
  );
  const level = percent(results.summaries.find(({ score }) => score !== null)?.score?.level ?? 0.95);
  return fragment`<section id="results">
    <h2>Results</h2>
    ${tables}
    <p class="quiet">
      A score is the mean over cells (one task, one pair, one seed) on the test split, with its ${level} t
      interval; what cells share (tasks’ values, seeds, test items) is not counted twice. PGR, the performance gap recovered, is (method − weak) / (ceiling − weak) over cells with its
      ${level} interval by Fieller’s method, which counts the uncertainty of all
      three.${[...notes].map((note) => fragment` Without bounds or absent: ${note}.`)}${
        results.summaries.some(({ cells }) => cells === 1) && ' A single cell has no interval.'
      }${seedsNote(results) !== undefined && ` ${seedsNote(results)}.`}
    </p>
    ${failures(results.trials)}
  </section>`;
}

function methodTable({ rows, metric }: Group, notes: Set<string>): Markup {
  const body = rows.map((row, index) => {
    const isFirst = index > 0 && rows[index - 1]?.role !== row.role;
    return fragment`<tr class="${isFirst ? 'first' : ''}">
      <td>${methodName(row)}</td>
      <td class="interval">${row.score === null ? '–' : withQuietEnds(formatScore(row.score))}</td>
      <td class="interval">${withQuietEnds(gapText(row, notes))}</td>
      <td class="number">${row.cells}</td>
      <td class="number">${row.failed > 0 ? fragment`<span class="failed">${row.failed}</span>` : ''}</td>
    </tr>`;
  });
  return fragment`<div class="scroll">
    <table class="methods">
      <thead>
        <tr>
          <th>method</th>
          <th>${metric.name}</th>
          <th>PGR</th>
          <th class="number">cells</th>
          <th class="number">failed</th>
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

export function methodName({ role, method }: Pick<MethodSummary, 'role' | 'method'>): Markup {
  const [name, ...values] = method.includes('=') ? method.split(' ') : [method];
  return fragment`<span class="dot ${role}" title="${role}"></span>${name ?? ''}${
    values.length > 0 && fragment` <span class="values">${values.join(' ')}</span>`
  }`;
}

/** "0.85 [0.81, 0.89]" with what is in brackets set back. */
export function withQuietEnds(text: string): Markup {
  const at = text.search(/[[(]/);
  return at <= 0
    ? fragment`${text}`
    : fragment`${text.slice(0, at)}<span class="ends">${text.slice(at)}</span>`;
}

/** Trials that failed, together where they failed for the same reason. */
function failures(trials: readonly TrialResult[]): Markup {
  const failed = trials.filter((trial) => trial.status === 'failed');
  const missing = trials.filter((trial) => trial.status === 'missing').length;
  const byReason = new Map<string, string[]>();
  for (const { id, error = 'no reason was kept' } of failed)
    byReason.set(error, [...(byReason.get(error) ?? []), id]);
  const reasons = [...byReason].map(
    ([reason, ids]) =>
      fragment`<li>
        <b>${reason}</b>
        <ul>
          ${ids.map((id) => fragment`<li>${id}</li>`)}
        </ul>
      </li>`,
  );
  const absent =
    missing > 0 &&
    fragment`<div class="callout calm">${missing} of ${trials.length} trials have not been run.</div>`;
  if (failed.length === 0) return fragment`${absent}`;
  return fragment`<div class="callout">
      <h3>${failed.length} of ${trials.length} trials failed</h3>
      <ul>
        ${reasons}
      </ul>
    </div>
    ${absent}`;
}
