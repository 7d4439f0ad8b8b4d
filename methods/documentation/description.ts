/** @file What there is to say about a method or a control: read off its definition, for the command line and the page. */
import type { JsonObject } from '../../base/json.js';
import type { AnswerKind } from '../../datasets/task.js';
import { type ParameterRow, parameterRows } from '../../spec/parameter-rows.js';
import type { Control, Method } from '../definition/method.js';
import { losses } from '../definition/registry.js';
import { firstThatGoes, requiredNames, someModel, taskNeeds, worksAsItIs, worksOn } from './needs.js';
import { RecordingCell, type Requests } from './stages.js';

/** What methods are alike in, in the order in which they are shown. */
export const families = {
  tuning: 'Fine-tuning on weak labels',
  refinement: 'Refinement',
  labels: 'Label work',
  preference: 'Preference',
  chains: 'Chains',
  controls: 'Controls',
} as const;
export type Family = keyof typeof families;

export interface MethodDescription {
  readonly name: string;
  readonly role: 'method' | 'control';
  readonly family: Family;
  readonly summary: string;
  readonly formula?: string;
  readonly source: string;
  /** The tasks that it works on, by how they are answered. */
  readonly answers: readonly AnswerKind[];
  /** Those of them on which it works with its defaults, whatever else a task can do. */
  readonly asItIs: readonly AnswerKind[];
  /** What else it asks of a task or of a sweep, and which of its choices do not go with which tasks. */
  readonly needs: readonly string[];
  /** What is trained in one trial with its defaults, beside what all methods share: "2 students and 3 weak supervisors". */
  readonly trains: string;
  readonly parameters: readonly ParameterRow[];
  /** What it asks for with its defaults, in order; "(2)" refers to the second. */
  readonly stages: readonly string[];
  readonly leavesBehind: readonly string[];
  /** Of a control: what `controls: standard` runs. */
  readonly standard?: readonly JsonObject[];
}

/** @throws RangeError where a parameter is required of which nobody can guess what it could be */
export function describeMethod(entry: Method | Control): MethodDescription {
  const requests = requestsOf(entry);
  const { name, role, summary, formula, source, leavesBehind = [] } = entry;
  return {
    name,
    role,
    family: familyOf(entry, requests),
    summary,
    ...(formula === undefined ? {} : { formula }),
    source,
    answers: worksOn(entry),
    asItIs: worksAsItIs(entry),
    needs: [...sweepNeeds(entry, requests), ...taskNeeds(entry)],
    trains: trainings(requests),
    parameters: parameterRows(entry.parameters),
    stages: requests.lines,
    leavesBehind,
    ...(entry.role === 'control' ? { standard: entry.standard ?? [{}] } : {}),
  };
}

function requestsOf(entry: Method | Control): Requests {
  const [answer] = worksOn(entry);
  if (answer === undefined) throw new RangeError(`${entry.name} works on no task at all`);
  const cell = new RecordingCell(answer);
  entry.evaluation(cell, entry.parameters.parse(firstThatGoes(entry, answer)));
  return cell.requests;
}

function sweepNeeds(entry: Method | Control, { models }: Requests): string[] {
  const named = models.filter((name) => name !== someModel).map((name) => `the model \`${name}\``);
  const parameters = requiredNames(entry).map((name) => `\`${name}\``);
  return [
    ...named,
    ...(models.includes(someModel) ? [`other models of the sweep, named by ${parameters.join(', ')}`] : []),
  ];
}

function trainings({ students, sources }: Requests): string {
  const counted = [
    ...(students === 0 ? [] : [students === 1 ? '1 student' : `${students} students`]),
    ...(sources === 0 ? [] : [`${sources} weak supervisors of its own`]),
  ];
  return counted.length === 0 ? 'nothing' : counted.join(' and ');
}

function familyOf(entry: Method | Control, { students, refines, losses: names }: Requests): Family {
  if (entry.role === 'control') return 'controls';
  const reads = [...names, ...Object.keys(entry.losses ?? {})].map((name) => losses[name]?.reads);
  const onPairs = entry.answers?.every((answer) => answer === 'preference') === true;
  if (onPairs || reads.includes('policy') || reads.includes('scores')) return 'preference';
  if (entry.labelWork !== undefined) return 'labels';
  if (refines) return 'refinement';
  return students > 1 ? 'chains' : 'tuning';
}
