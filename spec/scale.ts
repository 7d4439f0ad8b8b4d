/** @file `scale: small`: a sweep in other sizes, each a set of changes under `scales:` in the file itself. */
import { asMap, reportWrong } from './check.js';
import { describeValue } from './phrase.js';
import type { Reporter } from './mistakes.js';
import { setPath } from './set.js';
import type { LocatedMap } from './yaml.js';

/** The scale of a sweep as the file describes it, without changes. */
const full = 'full';

/**
 * Applies the chosen scale's changes to the tree of a sweep file, in place, before any other `--set`.
 * @param sets `--set` arguments, of which the last `scale=NAME` chooses; otherwise the file's own `scale:` does
 */
export function applyScale(
  root: LocatedMap,
  sets: readonly string[],
  sections: readonly string[],
  report: Reporter,
): void {
  const written = root.entries.get('scale')?.value;
  const set = sets.flatMap((text) => /^scale\s*=\s*(.*?)\s*$/.exec(text)?.[1] ?? []).at(-1);
  const chosen = set ?? (written?.kind === 'scalar' ? String(written.value) : full);
  const section = root.entries.get('scales');
  const scales = section === undefined ? undefined : asMap(section.value);
  if (section !== undefined && scales === undefined) {
    const expected = 'a name for each scale and its changes, as in "small: { seeds: 1 }"';
    reportWrong(section.value, 'scales', expected, [], report);
    return;
  }
  if (chosen === full || chosen === '') return;
  const known = [...(scales?.entries.keys() ?? [])];
  const changes = scales?.entries.get(chosen);
  if (changes === undefined) {
    const span = written?.span ?? section?.key ?? { ...root.span, end: root.span.start + 1 };
    const message = `there is no scale ${JSON.stringify(chosen)}; this sweep has ${[full, ...known].join(', ')}.`;
    report.report(span, { code: 'unknown-name', path: 'scale', message, found: chosen });
    return;
  }
  const map = asMap(changes.value);
  if (map === undefined) {
    const message = `found ${describeValue(changes.value)}, expected changes, each a path and a value: { seeds: 1, tasks.t.limit: 100 }.`;
    report.report(changes.value.span, { code: 'wrong-value', path: `scales.${chosen}`, message });
    return;
  }
  for (const [path, { key, value }] of map.entries) setPath(root, path, key, value, sections, report);
}
