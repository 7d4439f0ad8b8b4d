/** @file Functions that a file brings along, put in the place of their calls: what is left are operators. */
import { clone, create } from '@bufbuild/protobuf';
import { UserError } from '../../../base/errors.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../../onnx_pb.js';

/** What is looked at of a model. */
export interface WithFunctions {
  readonly graph: GraphProto;
  readonly functions: readonly FunctionProto[];
}

/** Functions within functions deeper than this call each other in a circle. */
const deepest = 64;

/**
 * A graph in which no function of the file is called: each call is replaced by the function's nodes. Values inside of
 * a call are named after it, so that two calls of a function do not share them; attributes that refer to the
 * function's take what the call gives, or their default.
 *
 * @returns the graph itself where the file brings no functions
 * @throws UserError for functions that call themselves
 */
export function inlineFunctions({ graph, functions }: WithFunctions): GraphProto {
  if (functions.length === 0) return graph;
  const byKey = new Map(functions.map((body) => [keyOf(body.domain, body.name, body.overload), body]));
  return inlineGraph(graph, byKey, 0);
}

function keyOf(domain: string, name: string, overload: string): string {
  return [domain === 'ai.onnx' ? '' : domain, name, overload].join(':');
}

type Functions = ReadonlyMap<string, FunctionProto>;

function inlineGraph(graph: GraphProto, functions: Functions, depth: number): GraphProto {
  const { node: nodes, ...rest } = graph;
  return create(GraphProtoSchema, {
    ...rest,
    node: nodes.flatMap((node, i) => inlineNode(node, i, functions, depth)),
  });
}

/** The nodes that take the place of a node: itself, with what its branches call replaced, or a function's. */
function inlineNode(node: NodeProto, index: number, functions: Functions, depth: number): NodeProto[] {
  const body = functions.get(keyOf(node.domain, node.opType, node.overload));
  if (body === undefined) return [withBranches(node, (graph) => inlineGraph(graph, functions, depth))];
  if (depth === deepest) {
    throw new UserError(
      `function ${body.domain}:${body.name} of the file calls itself, by way of others: export the model again`,
    );
  }
  const call = node.name === '' ? `${node.opType}_${node.output[0] ?? index}` : node.name;
  return callBody(node, body, call).flatMap((inner, i) => inlineNode(inner, i, functions, depth + 1));
}

/** A function's nodes with the call's names and attributes in the place of its own. */
function callBody(node: NodeProto, body: FunctionProto, call: string): NodeProto[] {
  const names = new Map<string, string>();
  // Inputs that the call leaves out are left out inside, too.
  body.input.forEach((name, i) => names.set(name, node.input[i] ?? ''));
  body.output.forEach((name, i) => {
    const given = node.output[i] ?? '';
    if (given !== '') names.set(name, given);
  });
  const attributes = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  for (const attribute of body.attributeProto) {
    if (!attributes.has(attribute.name)) attributes.set(attribute.name, attribute);
  }
  const rename = (name: string): string => {
    if (name === '') return '';
    const known = names.get(name) ?? `${call}/${name}`;
    names.set(name, known);
    return known;
  };
  // An output that is also an input (the function passes it through) needs a node between the two names.
  const passed = body.output.flatMap((name, i) => {
    const at = body.input.indexOf(name);
    const [from, to] = [node.input[at] ?? '', node.output[i] ?? ''];
    if (at < 0 || to === '' || from === '') return [];
    names.set(name, from);
    return [
      create(NodeProtoSchema, { name: `${call}/${name}`, opType: 'Identity', input: [from], output: [to] }),
    ];
  });
  return [...body.node.map((inner) => placed(inner, call, rename, attributes)), ...passed];
}

function placed(
  inner: NodeProto,
  call: string,
  rename: (name: string) => string,
  attributes: ReadonlyMap<string, AttributeProto>,
): NodeProto {
  const copy = clone(NodeProtoSchema, inner);
  copy.name = `${call}/${inner.name === '' ? (inner.output[0] ?? inner.opType) : inner.name}`;
  copy.input = inner.input.map(rename);
  copy.output = inner.output.map(rename);
  copy.attribute = inner.attribute.flatMap((attribute) => {
    if (attribute.refAttrName === '') return [clone(AttributeProtoSchema, attribute)];
    const given = attributes.get(attribute.refAttrName);
    // Neither given nor defaulted: the operator inside goes by its own default.
    if (given === undefined) return [];
    const value = clone(AttributeProtoSchema, given);
    value.name = attribute.name;
    return [value];
  });
  return withBranches(copy, (graph) => renamedGraph(graph, call, rename, attributes));
}

/** Branches and loop bodies see the values around them, so that all their names are the function's. */
function renamedGraph(
  graph: GraphProto,
  call: string,
  rename: (name: string) => string,
  attributes: ReadonlyMap<string, AttributeProto>,
): GraphProto {
  const copy = clone(GraphProtoSchema, graph);
  for (const value of [...copy.input, ...copy.output, ...copy.initializer]) value.name = rename(value.name);
  copy.node = graph.node.map((node) => placed(node, call, rename, attributes));
  return copy;
}

function withBranches(node: NodeProto, change: (graph: GraphProto) => GraphProto): NodeProto {
  if (!node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0)) return node;
  const copy = clone(NodeProtoSchema, node);
  copy.attribute = node.attribute.map((attribute) =>
    create(AttributeProtoSchema, {
      ...attribute,
      g: attribute.g && change(attribute.g),
      graphs: attribute.graphs.map(change),
    }),
  );
  return copy;
}
