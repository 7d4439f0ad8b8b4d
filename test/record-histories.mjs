/**
 * @file Records the histories that workflows/replay.test.ts replays: `npm run build && node test/record-histories.mjs v2`.
 * Run it when a workflow's commands change behind a new patch; what earlier versions recorded stays as it is.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { stringify } from 'yaml';
import { packageRoot } from '../dist/base/folders.js';
import { System } from '../dist/bench/system.js';
import { vocabulary } from '../dist/plan/vocabulary.js';
import { loadSweepFile } from '../dist/spec/index.js';
import { Store } from '../dist/store/store.js';
import { orchestratorQueue } from '../dist/workflows/queues.js';

const version = process.argv[2];
if (version === undefined) throw new Error('usage: node test/record-histories.mjs v<number>');
const target = join(packageRoot(), 'workflows/histories', version);

const model = (width, pretrain) => ({
  architecture: 'gpt',
  layers: 1,
  width,
  heads: 2,
  context: 12,
  pretrain: { steps: 6, batch: 4, warmup: 2, ...pretrain },
});

/** As small as a sweep can be that has a stage of every kind at every level. */
const content = {
  name: 'history',
  tasks: {
    dialects: {
      generator: 'dialects',
      dialects: 2,
      dialect: [0, 1],
      nouns: 24,
      document: 4,
      documents: 800,
      splits: { A: 6, B: 8, test: 6 },
    },
  },
  models: { weak: model(8), strong: model(16) },
  pairs: [{ weak: 'weak', strong: 'strong' }],
  finetune: { steps: 5, batch: 4 },
  methods: [{ 'icl-refinement': { examples: 3, contexts: 1 } }],
  controls: [],
  seeds: 1,
  limits: { attempts: 1 },
};
// A learning rate at which the loss is NaN within steps, and a training that outlasts everything.
const diverges = { steps: 6, 'learning-rate': 1e30, warmup: 0 };
const broken = { ...content, name: 'broken', models: { ...content.models, strong: model(16, diverges) } };
const endless = {
  ...content,
  name: 'endless',
  models: { ...content.models, strong: model(16, { steps: 1e7 }) },
};
const continued = { ...content, name: 'continued', seeds: 3 };

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'temper-histories-')));
const system = new System({ folder: join(cwd, '.temper'), cwd });
try {
  const up = await system.run('up');
  const address = /^server (.*)$/m.exec(up.stdout)?.[1];
  if (address === undefined) throw new Error(`no server: ${up.stderr}`);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const store = await Store.open(join(system.folder, 'store'), { create: true });

  const start = async (sweep, maximumEvents = 4000) => {
    const file = join(cwd, `${sweep.name}.yaml`);
    writeFileSync(file, stringify(sweep));
    const input = {
      sweep: sweep.name,
      definition: await loadSweepFile(file, { vocabulary, sets: [] }),
      queue: store.id,
      attempts: 1,
      trialsAtOnce: 4,
      maximumEvents,
    };
    const workflowId = `sweep/${sweep.name}`;
    return client.workflow.start('sweep', {
      workflowId,
      taskQueue: orchestratorQueue(store.id),
      args: [input],
    });
  };

  await (await start(content)).result();
  await (await start(broken)).result();
  await (await start(continued, 40)).result();
  const handle = await start(endless);
  await system.training('pretrain strong');
  await handle.cancel();
  while ((await handle.describe()).status.name === 'RUNNING') await sleep(100);

  mkdirSync(target, { recursive: true });
  const wanted = new Set();
  for await (const { workflowId, runId, type, status } of client.workflow.list()) {
    const [, sweep] = workflowId.split('/');
    const name = `${sweep} ${type} ${status.name.toLowerCase()}`;
    // One of a kind is enough.
    if (wanted.has(name)) continue;
    wanted.add(name);
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const file = join(target, `${name.replaceAll(/[ _]/g, '-')}.json`);
    // Stacks in failures name where this machine keeps its packages.
    const text = JSON.stringify(JSON.parse(historyToJSON(history))).replaceAll(`${packageRoot()}/`, '');
    writeFileSync(file, `${text}\n`);
    process.stdout.write(`${file}: ${history.events?.length} events\n`);
  }
  await connection.close();
} finally {
  await system.end();
  rmSync(cwd, { recursive: true });
}
