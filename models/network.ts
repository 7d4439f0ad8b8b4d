/** @file What a model computes, whoever defined it: a built-in architecture, or a file that somebody exported. */
import type { Graph, Value } from '../onnx/graph.js';
import type { ParameterSpec } from '../onnx/program.js';

/** The sizes that a graph is built for. Data of other lengths are padded to one of a few. */
export interface Sizes {
  /** Rows: B. */
  readonly batch: number;
  /** Tokens of a row, padding included: T. */
  readonly length: number;
}

/** What a network reads. Those that its file does not ask for are ignored. */
export interface NetworkInputs {
  /** [B, T] int64. */
  readonly tokens: Value;
  /** [B, T] int64: 1 at real tokens, 0 at padding; none: every token is real. */
  readonly mask?: Value;
  /** [B, T] int64; none: 0, 1, … in every row, as transformers' forward does whatever the padding. */
  readonly positions?: Value;
  /** [B, T] int64 (`token_type_ids`); none: 0. */
  readonly segments?: Value;
}

/** A trained or frozen tensor as a graph holds it. */
export interface Weight {
  readonly value: Value;
  /** The value is the transpose of the parameter's shape: how most exporters store linear layers, [in, out]. */
  readonly transposed: boolean;
  /** The value holds the elements as the file does: what the exporter added (`stored.offset`) is still in them. */
  readonly asStored?: boolean;
}
export type Weights = (name: string) => Weight;

/** A linear layer that adapters can be put beside. */
export interface Linear {
  /** PyTorch's name of the module: `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** Name of its weight among the network's parameters. */
  readonly weight: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** PyTorch itself stores the weight [in, out] (GPT-2's Conv1D): PEFT's `fan_in_fan_out`. */
  readonly fanInFanOut: boolean;
}

/** Called for each linear layer with its input [N, in] and output [N, out]; returns what takes the output's place. */
export type Adapt = (linear: Linear, input: Value, output: Value) => Value;

/** What a network puts out. Rows N = B·T stand in the order b·T + t. */
export type NetworkOutputs =
  | {
      readonly kind: 'language';
      /** What the head reads, after the final norm: [B·T, D]. */
      readonly hidden: Value;
      /** Logits of the next token for any selection of rows: [N, D] → [N, V]. */
      readonly head: (rows: Value) => Value;
    }
  | {
      /** A model without a head. */
      readonly kind: 'features';
      /** [B·T, D] */
      readonly hidden: Value;
    }
  | {
      /** A classifier with its own head and pooling. */
      readonly kind: 'classification';
      /** [B, C] */
      readonly logits: Value;
    };

/** A network's graph at some sizes. */
export interface SizedNetwork {
  /** Adds the forward pass to a graph. Nothing is computed that the caller does not go on with (see prune). */
  forward(graph: Graph, weights: Weights, inputs: NetworkInputs, adapt?: Adapt): NetworkOutputs;
  /** The residual stream: 0 after the embedding, i after block i; [B·T, D]. Call after forward, with its graph. */
  layer?(graph: Graph, index: number): Value;
}

export interface Network {
  readonly kind: NetworkOutputs['kind'];
  /** Every parameter by PyTorch's name and in PyTorch's shape. */
  readonly parameters: readonly ParameterSpec[];
  readonly linears: readonly Linear[];
  /** Width of the residual stream: D. */
  readonly width: number;
  /** Number of token ids: V. */
  readonly vocabulary: number;
  /** The longest sequence that its positions allow. */
  readonly context: number;
  at(sizes: Sizes): Promise<SizedNetwork>;
}
