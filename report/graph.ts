/** @file The plan's graph folded by kind and role: a few boxes instead of thousands of stages. */
import { fragment, trusted, type Markup } from './markup.js';
import { kindTone, tone } from './palette.js';
import type { StageUse } from './results.js';

/** Stages of one kind that do the same for different tasks, seeds and shards. */
export interface FoldedStage {
  kind: string;
  role: string;
  count: number;
  /** Roles of what it reads → how many stages read so. */
  reads: Map<string, number>;
}

/** Beyond this many boxes only kinds are told apart. */
const mostBoxes = 32;

/** Folds stages by what their titles say, without task, seed, shard and numbers. */
export function foldStages(stages: readonly StageUse[]): FoldedStage[] {
  const folded = foldBy(stages, roleOf);
  return folded.length <= mostBoxes ? folded : foldBy(stages, ({ kind }) => kind);
}

/** "refine B 2/2 with strong from 4 examples × 1 · dialects · seed 0" → "refine B with strong from n examples × n" */
export function roleOf({ kind, title }: Pick<StageUse, 'kind' | 'title'>): string {
  if (kind === 'evaluate') return 'evaluate on test';
  return (title.split(' · ')[0] ?? title)
    .replace(/ \d+\/\d+/, '')
    .replace(/ \([^)]*\)/, '')
    .replace(/(?<![\w.])\d+(?![\w.])/g, 'n');
}

function foldBy(stages: readonly StageUse[], nameOf: (stage: StageUse) => string): FoldedStage[] {
  const roleByKey = new Map(stages.map((stage) => [stage.key, nameOf(stage)]));
  const folded = new Map<string, FoldedStage>();
  for (const stage of stages) {
    const role = nameOf(stage);
    const box = folded.get(role) ?? { kind: stage.kind, role, count: 0, reads: new Map<string, number>() };
    box.count++;
    const roles = new Set(stage.inputs.map((key) => roleByKey.get(key)));
    for (const input of roles)
      if (input !== undefined && input !== role) box.reads.set(input, (box.reads.get(input) ?? 0) + 1);
    folded.set(role, box);
  }
  return [...folded.values()];
}

/** How far from the start each box stands: one below the lowest that it reads. */
export function depths(boxes: readonly FoldedStage[]): Map<string, number> {
  const byRole = new Map(boxes.map((box) => [box.role, box]));
  const known = new Map<string, number>();
  const visit = (role: string, open: ReadonlySet<string>): number => {
    const seen = known.get(role);
    if (seen !== undefined) return seen;
    // Folding may close a circle that the stages themselves do not have (a refinement that reads refined labels).
    const inputs = [...(byRole.get(role)?.reads.keys() ?? [])].filter((input) => !open.has(input));
    const depth = Math.max(-1, ...inputs.map((input) => visit(input, new Set([...open, role])))) + 1;
    known.set(role, depth);
    return depth;
  };
  for (const box of boxes) visit(box.role, new Set());
  return known;
}

/** Edges that no longer way through the graph implies. */
function directReads(boxes: readonly FoldedStage[]): [from: string, to: string, count: number][] {
  const byRole = new Map(boxes.map((box) => [box.role, box]));
  const reaches = (from: string, to: string, seen: Set<string>): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return [...(byRole.get(from)?.reads.keys() ?? [])].some((input) => reaches(input, to, seen));
  };
  return boxes.flatMap(({ role, reads }) =>
    [...reads]
      .filter(
        ([input]) =>
          ![...reads.keys()].some((other) => other !== input && reaches(other, input, new Set([role]))),
      )
      .map(([input, count]): [string, string, number] => [input, role, count]),
  );
}

const boxWidth = 168;
const boxHeight = 48;
const across = 14;
const down = 46;
/** Characters: the first line leaves room for the count. */
const firstLine = 20;
const otherLine = 25;

interface Placed extends FoldedStage {
  x: number;
  y: number;
}

/** The folded graph as SVG, inputs above users. */
export function drawGraph(stages: readonly StageUse[]): Markup {
  const boxes = foldStages(stages);
  const edges = directReads(boxes);
  const layers = ordered(boxes, edges);
  const widest = Math.max(1, ...layers.map((layer) => layer.length));
  const width = widest * (boxWidth + across) - across + 2;
  const height = layers.length * (boxHeight + down) - down + 2;
  const placed = new Map<string, Placed>();
  for (const [row, layer] of layers.entries()) {
    const left = (width - layer.length * (boxWidth + across) + across) / 2;
    for (const [index, box] of layer.entries())
      placed.set(box.role, {
        ...box,
        x: left + index * (boxWidth + across),
        y: 1 + row * (boxHeight + down),
      });
  }
  const name = `The plan: ${stages.length} stages folded into ${boxes.length} kinds of work`;
  return fragment`<svg
    xmlns="http://www.w3.org/2000/svg"
    class="chart"
    role="img"
    aria-label="${name}"
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
    style="--width:${width}px"
  >
    ${edges.map(([from, to, count]) => drawEdge(placed.get(from), placed.get(to), count))}${[...placed.values()].map(drawBox)}
  </svg>`;
}

/** Layers from top to bottom, in each the order that keeps edges short: by where its inputs stand, swept down twice. */
function ordered(boxes: readonly FoldedStage[], edges: readonly [string, string, number][]): FoldedStage[][] {
  const depthOf = depths(boxes);
  const deepest = Math.max(-1, ...depthOf.values());
  // What reads nothing (data) stands just above its first reader, not at the far top.
  for (const { role, reads } of boxes) {
    const readers = boxes.flatMap((box) => (box.reads.has(role) ? [depthOf.get(box.role) ?? 0] : []));
    if (reads.size === 0 && readers.length > 0) depthOf.set(role, Math.max(0, Math.min(...readers) - 1));
  }
  const layers = Array.from({ length: deepest + 1 }, (_, depth) =>
    boxes.filter((box) => depthOf.get(box.role) === depth),
  );
  for (let sweep = 0; sweep < 2; sweep++) {
    const centre = new Map<string, number>();
    const place = (layer: readonly FoldedStage[]): void =>
      layer.forEach((box, index) => centre.set(box.role, index - (layer.length - 1) / 2));
    layers.forEach(place);
    const pull = (role: string): number => {
      const near = edges.flatMap(([from, to]) =>
        to === role ? [centre.get(from) ?? 0] : from === role ? [centre.get(to) ?? 0] : [],
      );
      return near.length === 0 ? 0 : near.reduce((sum, at) => sum + at, 0) / near.length;
    };
    for (const layer of layers) {
      const pulls = new Map(layer.map((box) => [box.role, pull(box.role)]));
      layer.sort((a, b) => (pulls.get(a.role) ?? 0) - (pulls.get(b.role) ?? 0));
      place(layer);
    }
  }
  return layers;
}

function drawEdge(from: Placed | undefined, to: Placed | undefined, count: number): Markup {
  if (from === undefined || to === undefined) return trusted('');
  const [x1, y1] = [from.x + boxWidth / 2, from.y + boxHeight];
  const [x2, y2] = [to.x + boxWidth / 2, to.y];
  const bend = Math.max(20, Math.abs(y2 - y1) / 2);
  const path = `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  const thickness = (0.8 + Math.log10(count)).toFixed(2);
  const told = `${count} × ${to.role} ${count === 1 ? 'reads' : 'read'} ${from.role}`;
  return fragment`<path d="${path}" fill="none" stroke="${tone('faint')}" stroke-width="${thickness}"><title>${told}</title></path>`;
}

function drawBox({ kind, role, count, x, y }: Placed): Markup {
  const lines = intoLines(role);
  const top = y + boxHeight / 2 - (lines.length - 1) * 7 + 4;
  const texts = lines.map(
    (line, index) =>
      fragment`<text x="${x + 12}" y="${top + index * 14}" font-size="11.5" fill="${tone('ink')}">${line}</text>`,
  );
  return fragment`<g><title>${count} × ${role}</title>
    <rect x="${x}" y="${y}" width="${boxWidth}" height="${boxHeight}" rx="5" fill="${tone('raised')}" stroke="${tone('faint')}"/>
    <rect x="${x}" y="${y}" width="4" height="${boxHeight}" rx="2" fill="${kindTone(kind)}"/>
    ${texts}
    <text x="${x + boxWidth - 7}" y="${y + 13}" font-size="10.5" text-anchor="end" fill="${tone('muted')}">×${count}</text></g>`;
}

/** At most two lines that fit a box. */
function intoLines(text: string): string[] {
  if (text.length <= firstLine) return [text];
  const at = text.lastIndexOf(' ', firstLine);
  const [first, second] =
    at < 0 ? [text.slice(0, firstLine), text.slice(firstLine)] : [text.slice(0, at), text.slice(at + 1)];
  return [first, second.length > otherLine ? `${second.slice(0, otherLine - 1)}…` : second];
}
