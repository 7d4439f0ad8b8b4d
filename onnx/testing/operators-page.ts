/** @file docs/operators.md, written from the operator table. */
import { format, resolveConfig } from 'prettier';
import type { DeviceKind } from '../device.js';
import { type Composite, isComposite, type Operator } from '../graph.js';
import { operators, type Rewrite, rewrites } from '../operators/index.js';
import { providers, supportOf } from '../providers.js';
import { checks } from './checks/index.js';

/** The types that ONNX's own node tests have (operators/node-tests.test.ts sees to it that this is so). */
export const nodeTested: readonly string[] = [
  'Gather',
  'GatherElements',
  'Gelu',
  'Gemm',
  'LayerNormalization',
  'MatMul',
  'MatMulInteger',
  'RMSNormalization',
  'ScatterElements',
  'Softmax',
  'SoftmaxCrossEntropyLoss',
];

const kinds: readonly DeviceKind[] = ['cpu', 'webgpu', 'cuda'];

function onnxName(entry: Operator | Composite): string {
  if (isComposite(entry)) return '';
  if (entry.domain !== '') return `${entry.domain}:${entry.type}`;
  return entry.type === entry.name ? '' : entry.type;
}

function gradientOf(entry: Operator | Composite): string {
  return 'of' in entry.gradient ? 'yes' : `no: ${entry.gradient.wayOut}`;
}

function testedBy(name: string): string {
  const tests = [
    ...(name in checks ? ['central differences'] : []),
    ...(nodeTested.includes(name) ? ["ONNX's node tests"] : []),
  ];
  return tests.length === 0 ? 'graphs that use it' : tests.join(', ');
}

const row = (...cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const heading = (...cells: string[]) => [row(...cells), row(...cells.map(() => '---'))];

function entryRow(entry: Operator | Composite): string {
  const support = kinds.map((kind) => supportOf(entry, kind));
  return row(
    entry.name,
    onnxName(entry),
    isComposite(entry) ? 'its parts' : 'a node',
    gradientOf(entry),
    ...support,
    testedBy(entry.name),
  );
}

const rewriteRow = ({ name, parts }: Rewrite) => row(name, parts.join(', '), testedBy(name));

const byName = <T extends { name: string }>(entries: Iterable<T>): T[] =>
  [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));

/** The page, as prettier leaves it. */
export async function operatorsPage(): Promise<string> {
  const lines = [
    '# Operators',
    '',
    'Every operator that Temper can put in a graph, and so every one that it can train through or says why not. This',
    'page is written from the table (`onnx/operators/`): `npx vitest run onnx/operators/page.test.ts -u`.',
    '',
    '- **ONNX**: what stands in the file, where it is not the name. A composite stands in the file as its parts and',
    '  is differentiated as one.',
    '- **Gradient**: `no` comes with what to do instead.',
    `- **CPU**: ${providers.cpu.source}. **WebGPU**: ${providers.webgpu.source}. **CUDA**: ${providers.cuda.source}.`,
    '  _On the CPU_ means that ONNX Runtime has no kernel there and carries the tensors across; _put otherwise_, that',
    '  Temper writes it in operators that there are kernels for (`onnx/lowering.ts`).',
    '- **Central differences**: gradients with random shapes, broadcasts, axes and attributes',
    '  (`onnx/operators/gradients.test.ts`), in float64 where ONNX Runtime has a kernel for it, else in float32 against',
    '  a float64 reference.',
    '',
    ...heading('Operator', 'ONNX', 'Forward', 'Gradient', 'CPU', 'WebGPU', 'CUDA', 'Tested by'),
    ...byName(operators.values()).map(entryRow),
    '',
    '## Operators that become others',
    '',
    "Read from files under ONNX's name, and put in the graph as operators of the table, whose gradients they have: one",
    'node of these would stand for many, or its sums would depend on the number of threads.',
    '',
    ...heading('Operator', 'Becomes', 'Tested by'),
    ...byName(rewrites.values()).map(rewriteRow),
    '',
    'Fused operators (attention, rotary embeddings, normalizations with a residual, quantised products) are read as',
    'plain ones by `onnx/import/readers/`.',
  ];
  const options = await resolveConfig(import.meta.filename);
  return format(`${lines.join('\n')}\n`, { ...options, parser: 'markdown' });
}
