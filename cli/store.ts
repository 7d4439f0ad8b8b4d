/** @file `temper store ls | show KEY | verify`: what the store holds, one artifact in full, every byte checked. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { ExitCode } from '../base/errors.js';
import type { Listed, Shown, Store, VerifyResult } from '../store/store.js';
import { columns, formatBytes, indented, shortKey } from './format.js';
import { counted, print, printJson } from './output.js';

/** How a command comes by the store that its options name. */
export type OpenStore = (command: Command) => Promise<Store>;

interface JsonOption {
  readonly json?: boolean;
}

export function registerStore(program: Command, openStore: OpenStore): void {
  const store = program.command('store').description('look at the store of artifacts');
  store
    .command('ls')
    .description('list the artifacts')
    .option('--kind <kind>', 'only those of one stage kind: shard, pretrain, finetune, label, …')
    .option('--json', 'print as JSON')
    .action(async (options: JsonOption & { kind?: string }, command: Command) => {
      const listed = await (await openStore(command)).list({ kind: options.kind });
      if (options.json === true) printJson(listed.map(flat));
      else print(listing(listed));
    });
  store
    .command('show')
    .argument('<key>', 'the first digits of a key, or kind/digits')
    .description('show what an artifact was made from, with what, by whom, and its files')
    .option('--json', 'print as JSON')
    .action(async (key: string, options: JsonOption, command: Command) => {
      const shown = await (await openStore(command)).show(key);
      if (options.json === true) printJson(shown);
      else print(description(shown));
    });
  store
    .command('verify')
    .argument('[keys...]', 'the first digits of keys (default: all artifacts)')
    .description('hash every byte; damaged artifacts are set aside, and the exit code is 1')
    .option('--json', 'print as JSON')
    .action(async (keys: string[], options: JsonOption, command: Command) => {
      const opened = await openStore(command);
      const refs = await Promise.all(keys.map((key) => opened.resolve(key)));
      const result = await opened.verify(keys.length === 0 ? undefined : refs);
      if (options.json === true) printJson(result);
      else print(verdict(result));
      if (result.damaged.length > 0) process.exitCode = ExitCode.someTrialsFailed;
    });
}

/** A listed artifact for programs: its address among its other fields. */
function flat({ ref, ...rest }: Listed): object {
  return { ...ref, ...rest };
}

function listing(listed: readonly Listed[]): string {
  if (listed.length === 0) return 'no artifacts';
  let total = 0;
  const rows = listed.map((each) => {
    const address = [shortKey(each.ref.key), each.ref.kind];
    if ('damage' in each) return [...address, `damaged: ${each.damage}`, '', '', ''];
    total += each.bytes;
    return [...address, each.title, formatBytes(each.bytes), String(each.files), minute(each.finished)];
  });
  const table = columns(rows, { head: ['key', 'kind', 'title', 'size', 'files', 'made'], right: [3, 4] });
  return `${table}\n${counted(listed.length, 'artifact')}, ${formatBytes(total)}`;
}

function description({ ref, folder, manifest, logs }: Shown): string {
  const { made, runtime, inputs, files } = manifest;
  const seconds = (Date.parse(made.finished) - Date.parse(made.started)) / 1000;
  const workflow = made.workflow === undefined ? '' : `, workflow ${made.workflow}`;
  const facts = [
    ['title', manifest.title],
    ['kind', `${ref.kind}, version ${manifest.version}`],
    ['key', ref.key],
    ['digest', manifest.digest],
    ['folder', folder],
    [
      'made',
      `${made.finished} in ${seconds.toFixed(1)} s by ${made.worker}, attempt ${made.attempt}${workflow}`,
    ],
    ['device', manifest.device ?? 'none'],
    [
      'runtime',
      Object.entries(runtime)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    [
      'again',
      manifest.reproducible === false
        ? 'other bytes are possible'
        : 'the same bytes, on the same device class, runtime and instruction set',
    ],
  ];
  const read = inputs.map(({ role, kind, key, digest }) => [role, kind, shortKey(key), shortKey(digest)]);
  const written = files.map(({ path, bytes, sha256 }) => [path, formatBytes(bytes), shortKey(sha256)]);
  return [
    columns(facts),
    `parameters\n${indented(stringify(manifest.params).trimEnd())}`,
    `inputs${read.length === 0 ? ': none' : `\n${indented(columns(read, { head: ['role', 'kind', 'key', 'digest read'] }))}`}`,
    `files\n${indented(columns(written, { head: ['path', 'size', 'sha256'], right: [1] }))}`,
    `logs${logs.length === 0 ? ': none' : `\n${indented(logs.join('\n'))}`}`,
  ].join('\n\n');
}

function verdict({ checked, bytes, damaged, superseded }: VerifyResult): string {
  const lines = [`${counted(checked, 'artifact')} checked, ${formatBytes(bytes)} sound`];
  for (const { ref, reason, movedTo } of damaged) {
    const where = movedTo === undefined ? 'it could not be moved away' : `set aside in ${movedTo}`;
    lines.push(`damaged: ${ref.kind}/${shortKey(ref.key)}: ${reason}; ${where}`);
  }
  for (const { ref, reason } of superseded)
    lines.push(`out of date: ${ref.kind}/${shortKey(ref.key)}: ${reason}`);
  if (damaged.length + superseded.length > 0)
    lines.push('What is damaged or out of date is made again by the next run that needs it.');
  else lines.push('nothing damaged');
  return lines.join('\n');
}

/** "2026-01-01T12:34:56.789Z" → "2026-01-01 12:34" */
const minute = (time: string): string => time.slice(0, 16).replace('T', ' ');
