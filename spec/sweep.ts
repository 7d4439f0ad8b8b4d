/** @file A sweep file's text → the sweep that it describes, with every list multiplied out and every default filled in. */
import type { DeviceClass } from '../plan/stage.js';
import {
  deviceSchema,
  limitsSchema,
  nameSchema,
  nameRule,
  isName,
  requiredSections,
  sectionNames,
  sections,
  seedCountSchema,
  seedSchema,
  type Section,
} from './definitions.js';
import { asMap, checkLeaf, joined, reportWrong } from './check.js';
import { expandEntry } from './expand.js';
import { readMethods, standardControls, type SweepMethod } from './methods.js';
import { reporter, SweepFileError, type Reporter } from './mistakes.js';
import { modulesIn, type ModuleUse } from './modules.js';
import { readModels, type SweepModel, type SweepPair } from './models.js';
import { describeValue } from './phrase.js';
import { applyScale } from './scale.js';
import { applySets } from './set.js';
import { placeOf, type Source } from './source.js';
import { nearest } from './suggest.js';
import { readTasks, type FileUse, type SweepTask } from './tasks.js';
import type { Vocabulary } from './vocabulary.js';
import { plain, readYaml, type Located, type LocatedMap } from './yaml.js';

/**
 * What a sweep file says. Nothing in it depends on the order of keys in the file; lists (of methods, of pairs, of
 * values) keep their order.
 */
export interface LoadedSweep {
  name: string;
  device: DeviceClass;
  /** By name, then in the order of lists. */
  tasks: SweepTask[];
  /** By label. */
  models: Record<string, SweepModel>;
  pairs: SweepPair[];
  methods: SweepMethod[];
  controls: SweepMethod[];
  seeds: number[];
  limits: { 'trials-at-once': number; attempts: number };
  /** Users' own methods and tasks: digest → absolute path of the module. Their names end in "@" and the digest. */
  modules?: Record<string, string>;
  /** "tasks.safety.label" → "sweeps/safety.yaml:6:61", for mistakes that only the data shows. No part of any key. */
  where: Record<string, string>;
}

export interface ParseOptions {
  /** What the file is called in messages. */
  source: string;
  vocabulary: Vocabulary;
  /** `--set` arguments: path=value. */
  sets?: readonly string[];
  /** Where relative paths in the file start from (absolute); the current folder if not given. */
  folder?: string;
  /** Where relative paths in a `--set` start from (absolute); the current folder if not given. */
  cwd?: string;
}

/**
 * Reads a sweep without looking at any other file.
 * @throws SweepFileError with every mistake
 */
export function parseSweep(text: string, options: ParseOptions): LoadedSweep {
  const report = reporter();
  const { sweep } = readSweep(text, options, report);
  if (sweep === undefined) throw new SweepFileError(options.source, report.inOrder());
  return sweep;
}

/** The modules of users' own that a sweep names; what is wrong with the sweep otherwise is left to {@link readSweep}. */
export function moduleUses(text: string, options: Omit<ParseOptions, 'vocabulary'>): ModuleUse[] {
  const report = reporter();
  const { sets = [], cwd = process.cwd() } = options;
  const source: Source = { name: options.source, kind: 'file', text, folder: options.folder ?? cwd };
  const root = readRoot(source, report);
  if (root === undefined) return [];
  applyScale(root, sets, sectionNames, report);
  applySets(root, sets, sectionNames, cwd, report);
  return modulesIn(root);
}

/** As {@link parseSweep}, with the files that the sweep names; mistakes go to the reporter, and then there is no sweep. */
export function readSweep(
  text: string,
  options: ParseOptions,
  report: Reporter,
): { sweep: LoadedSweep | undefined; files: FileUse[] } {
  const { vocabulary, sets = [], cwd = process.cwd() } = options;
  const source: Source = { name: options.source, kind: 'file', text, folder: options.folder ?? cwd };
  const root = readRoot(source, report);
  if (root === undefined) return { sweep: undefined, files: [] };
  applyScale(root, sets, sectionNames, report);
  applySets(root, sets, sectionNames, cwd, report);
  checkSections(root, report);
  const at = (section: Section): Located | undefined => root.entries.get(section)?.value;
  const { tasks, files } = withSection(at('tasks'), { tasks: [], files: [] }, (section) =>
    readTasks(section, vocabulary, report),
  );
  const { models, pairs } = readModels(
    { models: at('models'), finetune: at('finetune'), pairs: at('pairs') },
    vocabulary,
    report,
  );
  const sweep: LoadedSweep = {
    name: withSection(at('name'), '', (section) => readName(section, report)),
    device: withSection(at('device'), 'cpu', (section) => readDevice(section, report)),
    tasks,
    models,
    pairs,
    methods: withSection(at('methods'), [], (section) =>
      readMethods(section, 'methods', 'method', vocabulary.methods, report),
    ),
    controls: readControls(at('controls'), vocabulary, report),
    seeds: withSection(at('seeds'), [0], (section) => readSeeds(section, report)),
    limits: readLimits(at('limits'), root, report),
    where: placesIn(root),
  };
  return { sweep: report.mistakes.length > 0 ? undefined : sweep, files };
}

function withSection<T>(section: Located | undefined, absent: T, read: (section: Located) => T): T {
  return section === undefined ? absent : read(section);
}

function readRoot(source: Source, report: Reporter): LocatedMap | undefined {
  const before = report.mistakes.length;
  const root = readYaml(source, 0, '', report);
  const start = { source, start: 0, end: 0 };
  const example = `it needs at least ${requiredSections.join(', ')}; copy sweeps/quickstart.yaml to start from`;
  if (root === undefined) {
    if (report.mistakes.length === before)
      report.report(start, { code: 'missing-key', path: '', message: `the file is empty; ${example}.` });
    return undefined;
  }
  if (root.kind === 'map') return root;
  const found = describeValue(root);
  const message = `found ${found}, expected a sweep, that is, keys like name: and tasks:; ${example}.`;
  report.report(root.span, { code: 'wrong-value', path: '', message, found, expected: 'a mapping' });
  return undefined;
}

function checkSections(root: LocatedMap, report: Reporter): void {
  const misspelt = new Set<string | undefined>();
  for (const [key, entry] of root.entries) {
    if (Object.hasOwn(sections, key)) continue;
    const suggestion = nearest(key, sectionNames);
    misspelt.add(suggestion);
    report.report(entry.key, {
      code: 'unknown-key',
      path: key,
      message: `unknown key ${JSON.stringify(key)}; a sweep has ${sectionNames.join(', ')}.`,
      found: key,
      expected: sectionNames.join(', '),
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
  for (const section of requiredSections)
    if (!root.entries.has(section) && !misspelt.has(section)) {
      const message = `${section} is missing; it says ${sections[section]}.`;
      const start = root.span.start;
      report.report({ ...root.span, end: start + 1 }, { code: 'missing-key', path: section, message });
    }
}

function readName(section: Located, report: Reporter): string {
  if (section.kind === 'scalar' && typeof section.value === 'string' && !isName(section.value))
    reportWrong(section, 'name', nameRule, [], report);
  else checkLeaf(nameSchema, section, 'name', report);
  return section.kind === 'scalar' ? String(section.value) : '';
}

function readDevice(section: Located, report: Reporter): DeviceClass {
  checkLeaf(deviceSchema, section, 'device', report);
  const parsed = deviceSchema.safeParse(plain(section));
  return parsed.success ? parsed.data : 'cpu';
}

function readControls(section: Located | undefined, vocabulary: Vocabulary, report: Reporter): SweepMethod[] {
  const word = section === undefined ? 'standard' : section.kind === 'scalar' ? section.value : undefined;
  if (section !== undefined && section.kind !== 'list' && word !== 'standard' && word !== 'none') {
    reportWrong(section, 'controls', 'standard, none, or a list of controls', ['standard', 'none'], report);
    return [];
  }
  if (word === 'none') return [];
  if (section === undefined || word === 'standard') return standardControls(vocabulary);
  return readMethods(section, 'controls', 'control', vocabulary.controls, report);
}

function readSeeds(section: Located, report: Reporter): number[] {
  const counted = seedCountSchema.safeParse(plain(section));
  if (counted.success) return Array.from({ length: counted.data }, (_, seed) => seed);
  if (section.kind !== 'list' || section.items.length === 0) {
    reportWrong(
      section,
      'seeds',
      'a whole number from 1 to 10000, or a list of seeds like [0, 1, 2]',
      [],
      report,
    );
    return [];
  }
  const seeds: number[] = [];
  for (const [index, item] of section.items.entries()) {
    const path = `seeds[${index}]`;
    checkLeaf(seedSchema, item, path, report);
    const parsed = seedSchema.safeParse(plain(item));
    if (!parsed.success) continue;
    if (seeds.includes(parsed.data)) {
      const message = `seed ${parsed.data} stands in the list twice; the same trials would be run twice.`;
      report.report(item.span, { code: 'duplicate', path, message });
    }
    seeds.push(parsed.data);
  }
  return seeds;
}

function readLimits(section: Located | undefined, root: LocatedMap, report: Reporter): LoadedSweep['limits'] {
  const value = section ?? { kind: 'map', entries: new Map(), span: root.span };
  const [limits, another] = expandEntry(limitsSchema, asMap(value) ?? value, 'limits', report);
  if (another !== undefined) {
    const message = 'limits hold for the sweep as a whole and cannot be lists.';
    report.report(value.span, { code: 'wrong-value', path: 'limits', message });
  }
  return limitsSchema.parse(limits?.parameters ?? {});
}

function placesIn(root: LocatedMap): Record<string, string> {
  const places: [string, string][] = [];
  const walk = (value: Located, path: string): void => {
    places.push([path, placeOf(value.span)]);
    if (value.kind === 'list')
      for (const [index, item] of value.items.entries()) walk(item, `${path}[${index}]`);
    if (value.kind === 'map') for (const [key, entry] of value.entries) walk(entry.value, joined(path, key));
  };
  for (const [key, entry] of root.entries) walk(entry.value, key);
  return Object.fromEntries(places);
}
