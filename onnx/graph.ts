/** @file Building a graph: values with element type and shape, nodes that check both as they are added. */
import { allocate, dataOf, type DataType, sizeOf, storageLength, type TensorData } from './tensor.js';
import { type Shape, ShapeError, shapeText } from './shape.js';
import type { StoredTensor } from './stored.js';

/** What a node may carry besides its inputs. */
export type Attributes = Record<string, number | readonly number[] | string | Shape | undefined>;
export type AttributeKind = 'int' | 'ints' | 'float' | 'string';

export interface ValueType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** A tensor in a graph: an input, a constant, or what a node puts out. */
export class Value implements ValueType {
  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly dtype: DataType,
    readonly shape: Shape,
    /** The elements, if the value is a constant. */
    readonly data?: TensorData,
    /** The input whose bytes these are, if the value is a view (see {@link Graph.view}). */
    readonly viewOf?: Value,
    /** The tensor of a file whose elements these are, if the value stays there (see {@link Graph.stored}). */
    readonly stored?: StoredTensor,
  ) {}

  /** `float32[batch, 3]` */
  get typeText(): string {
    return this.dtype + shapeText(this.shape);
  }
}

export interface Call<A> {
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: A;
}

/** What an operator's gradient is given. */
export interface GradientCall<A> extends Call<A> {
  readonly outputs: readonly Value[];
  /** ∂loss/∂output for each output; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Value | undefined)[];
  /** Which inputs' gradients are needed at all. */
  readonly wanted: readonly boolean[];
}

/** Why an operator has no gradient and what to do instead. */
export interface ForwardOnly {
  readonly wayOut: string;
}

/** One entry of the operator table. Methods, so that an operator of known attributes is an operator of any. */
export interface Operator<A extends Attributes = Attributes> {
  /** What messages call it; unique in the table. */
  readonly name: string;
  /** What ONNX calls it. */
  readonly type: string;
  readonly domain: '' | 'com.microsoft';
  /** The attributes that are written to the file; others only inform shape inference. */
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  /** What ONNX takes an attribute to be where a file does not give it. */
  readonly defaults: Readonly<Attributes>;
  /** Types and shapes of the outputs; throws ShapeError for inputs that do not go together. */
  infer(call: Call<A>): ValueType[];
  /** ∂loss/∂input for each input (undefined: none), or why there is none. */
  readonly gradient: { of(call: GradientCall<A>): (Value | undefined)[] } | ForwardOnly;
}

/** Several operators that are differentiated as one, by a rule cheaper than the chain rule over its parts. */
export interface Composite<A extends Attributes = Attributes> {
  readonly name: string;
  /** Of a composite that stands for an operator of ONNX: its attributes, and what they are where they are not given. */
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  readonly defaults: Readonly<Attributes>;
  expand(call: Call<A>): Value[];
  readonly gradient: { of(call: GradientCall<A>): (Value | undefined)[] };
}

export interface Node {
  readonly operator: Operator | Composite;
  readonly name: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  /** The node is part of a composite: it runs, but is not differentiated by itself. */
  readonly inside: boolean;
}

export function isComposite(operator: Operator | Composite): operator is Composite {
  return 'expand' in operator;
}

/**
 * A graph under construction. Nodes are added in an order in which they can run; nothing is ever changed
 * or removed (see prune.ts for leaving out what is not needed).
 */
export class Graph {
  readonly inputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #views = new Map<string, Value>();
  readonly #stored = new Map<string, Value>();
  readonly #names = new Set<string>();
  #scope = '';
  #depth = 0;

  /** Adds a named input. */
  input(name: string, dtype: DataType, shape: Shape): Value {
    if (this.#names.has(name)) throw new Error(`the graph already has an input named "${name}"`);
    const value = this.#value(name, dtype, shape);
    this.inputs.push(value);
    return value;
  }

  /** A constant; equal small constants are one value. */
  constant(dtype: DataType, shape: readonly number[], elements: readonly number[] | TensorData): Value {
    const data = Array.isArray(elements) ? dataOf(dtype, elements) : (elements as TensorData);
    if (data.length !== storageLength(dtype, sizeOf(shape))) {
      throw new ShapeError(`${data.length} elements do not make a constant of shape ${shapeText(shape)}`);
    }
    const key =
      data.length <= 64 ? `${dtype}${shapeText(shape)}${Array.from(data, keyOf).join()}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const value = new Value(this, `constant_${this.#constants.size}`, dtype, shape, data);
    this.#constants.set(key ?? value.name, value);
    return value;
  }

  /**
   * A tensor that stays in the file it came in: ONNX Runtime maps it from there. Of the type and the shape it is
   * stored in.
   *
   * @throws where the file has it in no one place: read it, and make it a constant
   */
  stored(tensor: StoredTensor): Value {
    if (tensor.location === undefined) {
      throw new Error(
        `${tensor.name} does not stand in its file as plain bytes: it cannot be mapped from there`,
      );
    }
    const { file, offset } = tensor.location;
    const key = `${file}:${offset}:${tensor.dtype}${shapeText(tensor.shape)}`;
    const known = this.#stored.get(key);
    if (known !== undefined) return known;
    const plain = `stored:${tensor.name}`;
    const name = this.#names.has(plain) ? `${plain}@${offset}` : plain;
    const value = new Value(this, name, tensor.dtype, tensor.shape, undefined, undefined, tensor);
    this.#names.add(name);
    this.#stored.set(key, value);
    return value;
  }

  /**
   * The bytes of a constant, or of an input that is stored in the file as an initializer, as another element type
   * and shape: how weights packed for one operator are read by another without a copy.
   */
  view(of: Value, dtype: DataType, shape: readonly number[]): Value {
    if (of.data !== undefined) return this.constant(dtype, shape, of.data);
    const name = `${of.name}:${dtype}${shapeText(shape)}`;
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const view = new Value(this, name, dtype, shape, undefined, of);
    this.#names.add(name);
    this.#views.set(name, view);
    return view;
  }

  scalar(value: number, dtype: DataType = 'float32'): Value {
    return this.constant(dtype, [], [value]);
  }

  /** A constant of zeros. */
  zeros(dtype: DataType, shape: readonly number[]): Value {
    return this.constant(dtype, shape, allocate(dtype, sizeOf(shape)));
  }

  /** Adds a node and returns its outputs. */
  emit<A extends Attributes>(
    operator: Operator<A>,
    inputs: readonly (Value | undefined)[],
    attributes: A,
  ): Value[] {
    const name = this.#nodeName(operator.name);
    this.#checkOwner(name, inputs);
    const types = explainShapes(operator.name, name, inputs, () => operator.infer({ inputs, attributes }));
    const outputs = types.map((type, i) =>
      this.#value(i === 0 ? name : `${name}:${i}`, type.dtype, type.shape),
    );
    this.nodes.push({ operator, name, inputs, attributes, outputs, inside: this.#depth > 0 });
    return outputs;
  }

  /** {@link emit} for operators with one output. */
  emitOne<A extends Attributes>(
    operator: Operator<A>,
    inputs: readonly (Value | undefined)[],
    attributes: A,
  ): Value {
    return this.emit(operator, inputs, attributes)[0] as Value;
  }

  /** Adds the nodes of a composite; its outputs are theirs. */
  emitComposite<A extends Attributes>(
    composite: Composite<A>,
    inputs: readonly (Value | undefined)[],
    attributes: A,
  ): Value[] {
    const name = this.#nodeName(composite.name);
    this.#checkOwner(name, inputs);
    this.#depth++;
    let outputs: Value[];
    try {
      outputs = this.within(composite.name, () => composite.expand({ inputs, attributes }));
    } finally {
      this.#depth--;
    }
    this.nodes.push({ operator: composite, name, inputs, attributes, outputs, inside: this.#depth > 0 });
    return outputs;
  }

  /** Nodes added by `build` are named `scope/…`, so that messages say where in the model they stand. */
  within<T>(scope: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}${scope}/`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  #nodeName(operator: string): string {
    return `${this.#scope}${operator}_${this.nodes.length}`;
  }

  #value(name: string, dtype: DataType, shape: Shape): Value {
    this.#names.add(name);
    return new Value(this, name, dtype, shape);
  }

  #checkOwner(node: string, inputs: readonly (Value | undefined)[]): void {
    const foreign = inputs.find((input) => input !== undefined && input.graph !== this);
    if (foreign !== undefined)
      throw new Error(`${node}: its input "${foreign.name}" belongs to another graph`);
  }
}

// A bigint and −0 have to stay apart from other numbers that print alike.
function keyOf(element: number | bigint): string {
  return Object.is(element, -0) ? '-0' : String(element);
}

function explainShapes<T>(
  operator: string,
  node: string,
  inputs: readonly (Value | undefined)[],
  infer: () => T,
): T {
  try {
    return infer();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const given = inputs.map((input) => (input === undefined ? '—' : `${input.name}: ${input.typeText}`));
    throw new ShapeError(
      `${operator} (node ${node}): ${error.message}; its inputs are ${given.join('; ') || 'none'}`,
    );
  }
}
