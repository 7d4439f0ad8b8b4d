/** @file Every number down to the artifacts it came from: the table of trials, each opening to its chain of stages. */
import { formatScore } from '../../metrics/format.js';
import { fragment, scriptJson, type Markup } from '../markup.js';
import type { Results, TrialResult } from '../results.js';

const columns = ['trial', 'method', 'status', 'score', 'evaluation'] as const;

export function lineageSection(results: Results): Markup {
  const { trials, stages } = results;
  const indexOf = new Map(stages.map((stage, index) => [stage.key, index]));
  const stageRows = stages.map(({ kind, title, key, inputs }) => [
    kind,
    title,
    key,
    inputs.flatMap((input) => indexOf.get(input) ?? []),
  ]);
  const heads = columns.map((name) => fragment`<th scope="col"><button type="button">${name}</button></th>`);
  return fragment`<section id="lineage">
    <h2>Lineage</h2>
    <p>
      Every score above is the mean of scores below. Open a trial to see the stages it came from,
      inputs first, each with the key of its artifact; <code>temper lineage KEY</code> follows a key into the
      store.
    </p>
    <div class="tools">
      <input id="query" type="search" placeholder="Filter: naive seed 1 …" aria-label="Filter trials" />
      <select id="status" aria-label="Status">
        <option value="">every status</option>
        <option>done</option>
        <option>failed</option>
        <option>missing</option>
      </select>
      <span class="quiet" id="shown" aria-live="polite">${trials.length} trials</span>
    </div>
    <div class="scroll">
      <table id="trials">
        <thead>
          <tr>
            ${heads}
          </tr>
        </thead>
        <tbody>
          ${trials.map((trial) => trialRow(trial, indexOf.get(trial.evaluation)))}
        </tbody>
      </table>
    </div>
    <script type="application/json" id="stages">
      ${scriptJson(stageRows)}
    </script>
  </section>`;
}

function trialRow(trial: TrialResult, stage: number | undefined): Markup {
  const { score, status, error } = trial;
  return fragment`<tr class="trial" data-status="${status}" data-stage="${stage ?? ''}"${
    error !== undefined && fragment` data-error="${error}"`
  }><td><button type="button" class="open" aria-expanded="false" aria-label="Stages of this trial">▸</button> ${trial.cell}</td><td>${trial.method}</td><td${
    status === 'failed' && fragment` class="failed"`
  }>${status}</td><td class="interval" data-value="${score?.value ?? ''}">${
    score === undefined
      ? '–'
      : `${formatScore(score)}${score.correct === null ? '' : ` ${score.correct}/${score.total}`}`
  }</td><td><span class="key" title="${trial.evaluation}">${trial.evaluation.slice(0, 12)}</span></td></tr>`;
}
