/** @file PyTorch's names of a file's initializers: from their own names, the nodes around them, or the architecture. */
import type { JsonObject } from '../../../base/json.js';
import type { OnnxFile } from '../../../onnx/import/file.js';
import type { NodeProto } from '../../../onnx/onnx_pb.js';
import type { StoredTensor } from '../../../onnx/stored.js';
import { sizeOf } from '../../../onnx/tensor.js';
import { linearOrder, normOrder, orderOf, withoutModel } from './architectures.js';
import { isBuilders, joint, plainName } from './genai.js';
import { moduleOf } from './modules.js';
import type { Use, Wiring } from './uses.js';

/** As PyTorch names parameters: modules and attributes, with dots between. */
const pytorchName = /^\w+(\.\w+)*\.(weight|bias|gamma|beta)$/;
/** Buffers that are named as parameters are: GPT-2's causal mask. */
const buffers = /\.attn\.(bias|masked_bias)$/;
const floats = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** The parameters among a file's initializers: initializer → PyTorch's name. Two may have the same: they are tied. */
export function initializerNames(file: OnnxFile, wiring: Wiring, config: JsonObject): Map<string, string> {
  const names = new Map<string, string>();
  const fromBuilder = isBuilders(file.weights.keys());
  const orphans: Orphan[] = [];
  for (const [initializer, tensor] of file.weights) {
    const uses = wiring.usesOf(initializer);
    const role = roleOf(tensor, uses);
    const own = floats.has(tensor.dtype) && !buffers.test(initializer) ? plainName(initializer, config) : '';
    if (pytorchName.test(own)) names.set(initializer, own);
    else if (role !== undefined) {
      const module = moduleAround(uses, wiring, role);
      if (module === undefined) orphans.push({ initializer, role });
      else
        names.set(
          initializer,
          `${fromBuilder ? plainName(`${module}.weight`, config).slice(0, -7) : module}.weight`,
        );
    }
  }
  nameEmbedding(names, wiring, config);
  nameJoined(names, file, config);
  const unnamed = orphans.filter(({ initializer }) => !names.has(initializer));
  nameOrphans(names, inOrderOfUse(unnamed, file, wiring), config);
  return withoutWrapper(names, config);
}

type Role = 'linear' | 'norm';

interface Orphan {
  readonly initializer: string;
  readonly role: Role;
}

/** The second operand of a product as it stands: [in, out]. */
export function isRightOperand({ node, index }: Use): boolean {
  if (index !== 1) return false;
  if (['MatMul', 'FusedMatMul', 'Attention'].includes(node.opType)) return true;
  return node.opType === 'Gemm' && !node.attribute.some(({ name, i }) => name === 'transB' && i === 1n);
}

/** What an initializer without a name of PyTorch's is; undefined: no parameter, as far as can be seen. */
function roleOf(tensor: StoredTensor, uses: readonly Use[]): Role | undefined {
  if (uses.some(({ node, index }) => node.opType === 'MatMulNBits' && index === 1)) return 'linear';
  if (!floats.has(tensor.dtype) || sizeOf(tensor.shape) < 2) return undefined;
  const [first] = uses;
  if (first === undefined) return undefined;
  const isWeight = isRightOperand(first) || (first.node.opType === 'Gemm' && first.index === 1);
  if (tensor.shape.length === 2 && isWeight) return 'linear';
  return tensor.shape.length === 1 && first.node.opType === 'Mul' ? 'norm' : undefined;
}

/** The module that the nodes around an initializer tell of; of one that runs several times (`query_1`), its own name. */
function moduleAround(uses: readonly Use[], wiring: Wiring, role: Role): string | undefined {
  const modules = uses
    .map(({ node }) => moduleOf(node) ?? (role === 'linear' ? moduleOfBias(node, wiring) : undefined))
    .filter((module) => module !== undefined)
    .filter((module) => role === 'linear' || /norm|ln_/i.test(module.split('.').at(-1) ?? ''));
  return modules.sort((a, b) => a.length - b.length)[0];
}

/** Where the bias that is added to a product kept its name, the product's is the same. */
function moduleOfBias(product: NodeProto, wiring: Wiring): string | undefined {
  const reader = wiring.onlyReaderOf(product.output[0] as string);
  if (reader?.opType !== 'Add') return undefined;
  const bias = reader.input
    .map((name) => wiring.sourceOf(name))
    .find((name) => /^\w+(\.\w+)*\.bias$/.test(name));
  return bias?.replace(/\.bias$/, '') ?? moduleOf(reader);
}

/** Exporters write a tied weight under the head's name: PyTorch has it under the embedding's. */
function nameEmbedding(names: Map<string, string>, wiring: Wiring, config: JsonObject): void {
  for (const [initializer, name] of [...names]) {
    if (!/(^|\.)(lm_head|embed_out|decoder)\.weight$/.test(name)) continue;
    const lookup = readersThroughTranspose(initializer, wiring).find(
      ({ node, index }) => node.opType === 'Gather' && index === 0,
    );
    if (lookup === undefined) continue;
    const embedding = `${moduleOf(lookup.node) ?? orderOf(config).embedding}.weight`;
    for (const [other, known] of [...names]) if (known === name) names.set(other, embedding);
  }
}

/** ONNX Runtime's optimizer joins the three projections of a layer into the weights of one Attention node. */
function nameJoined(names: Map<string, string>, file: OnnxFile, config: JsonObject): void {
  const { layers, linears } = orderOf(config);
  const attentions = file.graph.node.filter(
    ({ opType, domain }) => opType === 'Attention' && domain === 'com.microsoft',
  );
  for (const [layer, { input }] of attentions.entries()) {
    for (const [index, kind] of [
      [1, 'weight'],
      [2, 'bias'],
    ] as const) {
      const initializer = input[index];
      if (initializer === undefined || names.has(initializer) || !file.weights.has(initializer)) continue;
      const parts = linears.slice(0, 3).map((module) => `${layers}.${layer}.${module}.${kind}`);
      names.set(initializer, parts.join(joint));
    }
  }
}

/** Who exports a module of their own around the model gets names with its attribute in front of each. */
function withoutWrapper(names: Map<string, string>, config: JsonObject): Map<string, string> {
  const { layers } = orderOf(config);
  const inner = [...names.values()].find((name) => name.includes(`.${layers}.`));
  const prefix = inner?.slice(0, inner.indexOf(`.${layers}.`) + 1);
  if (prefix === undefined || [...names.values()].some((name) => !name.startsWith(prefix))) return names;
  return new Map([...names].map(([initializer, name]) => [initializer, name.slice(prefix.length)]));
}

function readersThroughTranspose(name: string, wiring: Wiring): Use[] {
  return wiring
    .usesOf(name)
    .flatMap((use) =>
      use.node.opType === 'Transpose' ? wiring.usesOf(use.node.output[0] as string) : [use],
    );
}

function inOrderOfUse(orphans: readonly Orphan[], file: OnnxFile, wiring: Wiring): Orphan[] {
  const order = new Map(file.graph.node.map((node, i) => [node, i]));
  const first = ({ initializer }: Orphan) =>
    Math.min(...wiring.usesOf(initializer).map(({ node }) => order.get(node) ?? Infinity));
  return [...orphans].sort((a, b) => first(a) - first(b));
}

/**
 * Names what the exporter left without a trace by the order in which the architecture runs its modules. Where the
 * numbers do not come out even, weights keep the names that the file has for them.
 */
function nameOrphans(names: Map<string, string>, orphans: readonly Orphan[], config: JsonObject): void {
  const known = new Set(names.values());
  const isWhole = [...known].some((name) => name.startsWith(`${orderOf(config).layers}.`));
  const missing = (order: readonly string[]) =>
    order
      .map((module) => (isWhole ? module : withoutModel(module)))
      .filter((module) => !known.has(`${module}.weight`));
  const linears = orphans.filter(({ role }) => role === 'linear');
  const expected = missing(linearOrder(config));
  linears.forEach(({ initializer }, i) => {
    const fits = linears.length <= expected.length;
    names.set(initializer, fits ? `${expected[i] as string}.weight` : `${initializer}.weight`);
  });
  // A vector without a trace may be anything, unless there are as many as there are norms without names.
  const norms = orphans.filter(({ role }) => role === 'norm');
  const expectedNorms = missing(normOrder(config));
  if (norms.length !== expectedNorms.length) return;
  norms.forEach(({ initializer }, i) => names.set(initializer, `${expectedNorms[i] as string}.weight`));
}
