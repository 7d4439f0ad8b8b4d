/** @file The figures of the report, each with what it shows and how its intervals were computed. */
import { scoreCurve, scoreCurvesChart, lossCurve, lossCurvesChart, meanCurves } from '../charts/curves.js';
import { cellsShown, methodsChart } from '../charts/methods.js';
import { duration, timelineChart, timelineOf } from '../charts/timeline.js';
import { drawGraph, foldStages } from '../graph.js';
import { fragment, type Markup } from '../markup.js';
import type { Results } from '../results.js';
import { groupsOf, percent, roleNames, type Group } from '../rows.js';
import { drawChart } from '../vega.js';

export function figure(chart: Markup, caption: Markup): Markup {
  return fragment`<figure>
    <div class="scroll">${chart}</div>
    <figcaption>${caption}</figcaption>
  </figure>`;
}

export const levelOf = (group: Group): string =>
  percent(group.rows.find(({ score }) => score !== null)?.score?.level ?? 0.95);

const legend = fragment`<p class="legend">
  ${(['weak', 'method', 'control', 'ceiling'] as const).map(
    (role) =>
      fragment`<span
        ><span class="dot ${role}"></span>${role === 'weak' ? 'weak supervisor (floor)' : roleNames[role]}</span>`,
  )}
</p>`;

/** PGR and score by method. */
export async function methodFigures(results: Results): Promise<Markup> {
  const groups = groupsOf(results);
  const figures: Markup[] = [];
  for (const group of groups) {
    const level = levelOf(group);
    const known = group.rows.filter(({ score }) => score !== null);
    if (known.length === 0) continue;
    if (groups.length > 1) figures.push(fragment`<h3>${group.title}</h3>`);
    const name = `PGR and ${group.metric.name} by method on ${group.title}`;
    figures.push(
      figure(
        fragment`${legend}${await drawChart(methodsChart(group, results), name)}`,
        fragment`<b>How much of the gap each method recovers.</b> Left: PGR over cells with its ${level} interval
          by Fieller’s method; the dashed lines are the weak supervisor (0) and the ceiling (1). An arrow says
          that the interval goes on beyond what is drawn; a dashed interval has no bounds, since ceiling −
          weak is within noise. Right: mean test ${group.metric.name} with its ${level} t
          interval${cellsShown(group, results).length > 0 && '; each tick is a cell'}.`,
      ),
    );
  }
  return fragment`<section id="methods">
    <h2>Methods</h2>
    ${figures.length > 0 ? figures : nothingYet}
  </section>`;
}

const nothingYet = fragment`<p class="quiet">No trial has a result yet.</p>`;

/** Score and loss along fine-tuning. */
export async function trainingFigures(results: Results): Promise<Markup> {
  const figures: Markup[] = [];
  for (const group of groupsOf(results)) {
    const level = levelOf(group);
    const score = meanCurves(group, results, scoreCurve);
    const loss = meanCurves(group, results, lossCurve);
    if (score.length + loss.length > 0 && groupsOf(results).length > 1)
      figures.push(fragment`<h3>${group.title}</h3>`);
    if (score.length > 0)
      figures.push(
        figure(
          await drawChart(
            scoreCurvesChart(score, group),
            `Test ${group.metric.name} along fine-tuning on ${group.title}`,
          ),
          fragment`<b>The score along fine-tuning.</b> Test ${group.metric.name} along the steps of fine-tuning (the axis of
            steps is stretched near 0): mean over cells, band = ${level} t interval. Dashed: final score of
            the weak supervisor and of the ceiling. A curve that rises above the weak supervisor and falls
            back has learnt the supervisor’s errors.`,
        ),
      );
    if (loss.length > 0)
      figures.push(
        figure(
          await drawChart(lossCurvesChart(loss), `Training loss along fine-tuning on ${group.title}`),
          fragment`<b>Training loss</b> along the steps of fine-tuning: mean over cells, band = ${level} t
            interval. Losses against soft labels and with an auxiliary term have other floors than
            cross-entropy against hard ones.`,
        ),
      );
  }
  return fragment`<section id="training">
    <h2>Training</h2>
    ${figures.length > 0 ? figures : nothingYet}
  </section>`;
}

/** Who did what when, and why in that order. */
export async function workFigures(results: Results): Promise<Markup> {
  const { timings, stages } = results;
  const timeline = timings.length > 0 ? timelineOf(timings) : undefined;
  const repeated = timings.filter(({ attempt }) => attempt > 1).length;
  const cutTime = timeline?.cuts.reduce((sum, { seconds }) => sum + seconds, 0) ?? 0;
  const chart =
    timeline &&
    figure(
      await drawChart(
        timelineChart(timeline),
        `Stage timeline of ${timings.length} stages on ${timeline.workers.length} workers`,
      ),
      fragment`<b>When each stage ran, and where.</b> ${timings.length} stages on ${timeline.workers.length}
        ${timeline.workers.length === 1 ? 'worker' : 'workers'}${
          timeline.isDrawnTogether
            ? ', drawn together where they are short: a colour is the kind of work that took most of that moment'
            : ''
        }.
        ${timeline.cuts.length > 0 && `Time in which nothing ran was cut out (${duration(cutTime)}).`}
        ${repeated > 0 && `${repeated} ${repeated === 1 ? 'stage' : 'stages'} took more than one attempt.`}
        What the store already had is shown when it was made.`,
    );
  const folded = foldStages(stages);
  return fragment`<section id="work">
    <h2>Work</h2>
    <h3>Timeline</h3>
    ${chart ?? nothingYet}
    <h3>Plan</h3>
    ${
      stages.length === 0
        ? nothingYet
        : figure(
            drawGraph(stages),
            fragment`<b>What depends on what.</b> The plan’s ${stages.length} stages folded into ${folded.length}
              kinds of work: stages that do the same for other tasks, seeds, shards or numbers share a box (×
              how many). Lines run down from what is read to what reads it; a line that others imply is left
              out.`,
          )
    }
  </section>`;
}
