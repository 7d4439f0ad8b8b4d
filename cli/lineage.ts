/** @file `temper lineage KEY`: the artifacts behind an artifact, down to the data, as a tree. */
import type { Command } from 'commander';
import type { LineageNode } from '../store/store.js';
import { shortKey } from './format.js';
import { print, printJson } from './output.js';
import type { OpenStore } from './store.js';

export function registerLineage(program: Command, openStore: OpenStore): void {
  program
    .command('lineage')
    .argument('<key>', 'the first digits of a key, or kind/digits')
    .description('show what an artifact was made from, down to the data')
    .option('--json', 'print as JSON')
    .action(async (key: string, options: { json?: boolean }, command: Command) => {
      const tree = await (await openStore(command)).lineage(key);
      if (options.json === true) printJson(tree);
      else print(treeLines(tree).join('\n'));
    });
}

/** One line an artifact, its inputs below it. */
function treeLines(node: LineageNode, ahead = '', below = ''): string[] {
  const inputs = node.inputs.flatMap((input, index) => {
    const isLast = index === node.inputs.length - 1;
    return treeLines(input, below + (isLast ? '└─ ' : '├─ '), below + (isLast ? '   ' : '│  '));
  });
  return [ahead + artifactLine(node), ...inputs];
}

function artifactLine({ role, kind, key, title, digest, state, recorded, repeated }: LineageNode): string {
  const name = `${role === undefined ? '' : `${role}: `}${title ?? '(unknown)'}`;
  const address = `${kind}/${shortKey(key)}`;
  const bytes = digest ?? recorded;
  const standing = {
    present: '',
    changed: `, REMADE since it was read (then ${shortKey(recorded ?? '')})`,
    missing: ', not in the store',
    damaged: ', DAMAGED',
  }[state];
  return `${name}  [${address}${bytes === undefined ? '' : `, digest ${shortKey(bytes)}`}${standing}]${repeated === true ? ' (told above)' : ''}`;
}
