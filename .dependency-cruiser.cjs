/**
 * @file Which room may import which: downwards only.
 *
 *   cli, worker → workflows, activities → methods, plan → models, datasets, metrics, report → onnx, store, spec, hub → base
 *
 * Type-only imports of report/results.ts, plan/stage.ts and datasets/task.ts, the vocabularies, are free to all.
 */

const levels = [
  ['bench', 'examples'],
  ['cli', 'worker'],
  ['workflows', 'activities'],
  ['methods', 'plan'],
  ['models', 'datasets', 'metrics', 'report'],
  ['onnx', 'store', 'spec', 'hub'],
  ['base'],
];

/** Within a level: who may import whom. */
const neighbours = {
  cli: ['worker'],
  plan: ['methods'],
  report: ['metrics'],
  models: ['datasets'],
  datasets: ['metrics'],
};

/** Whose types may be imported from anywhere: the vocabularies. */
const vocabularies = ['plan/stage.ts', 'report/results.ts', 'datasets/task.ts'];

/** The contract between workflows and activities is types, and each states its own half. */
const contracts = { workflows: ['activities/'], activities: ['workflows/'] };

const startingWith = (paths) => `^(${paths.join('|')})`;
const inRooms = (rooms) => startingWith(rooms.map((room) => `${room}/`));
/** Tests, and what only they use. */
const tests = '\\.test\\.ts$|/testing/';

/** For each room: what stands above it, and beside it, is out of reach, save for some types. */
const directions = levels.flatMap((level, depth) =>
  level.flatMap((room) => {
    const beside = level.filter((other) => other !== room && !neighbours[room]?.includes(other));
    const outOfReach = [...levels.slice(0, depth).flat(), ...beside, 'test'];
    const typesOnly = [...vocabularies, ...(contracts[room] ?? [])].filter((path) =>
      outOfReach.includes(path.split('/')[0]),
    );
    const name = `${room}-imports-downwards`;
    const from = { path: inRooms([room]), pathNot: tests };
    const types = { path: startingWith(typesOnly), dependencyTypesNot: ['type-only'] };
    return [
      {
        name,
        severity: 'error',
        from,
        to: {
          path: inRooms(outOfReach),
          pathNot: typesOnly.length > 0 ? startingWith(typesOnly) : undefined,
        },
      },
      ...(typesOnly.length > 0 ? [{ name: `${name}-types-aside`, severity: 'error', from, to: types }] : []),
    ];
  }),
);

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two files that need each other are one idea, or hide a third. Families of operators aside: the gradient ' +
        'of a sum is an expansion, and that of an expansion a sum.',
      severity: 'error',
      from: { pathNot: '^onnx/operators/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-missing-files',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-dependencies-at-run-time',
      severity: 'error',
      from: { path: inRooms(levels.flat()), pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflow-code-is-deterministic',
      comment: 'What workflows run: themselves, the SDK made for it, and pure modules.',
      severity: 'error',
      from: { path: '^workflows/', pathNot: tests },
      to: {
        pathNot: '^(workflows|base)/|node_modules/@temporalio/(workflow|common)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: { pathNot: `${tests}|^test/` },
      to: { path: '/testing/', pathNot: 'node_modules' },
    },
    ...directions,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.temper)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
