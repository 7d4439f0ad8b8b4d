/** @file What ONNX Runtime makes of an exported file as it stands: what reading it has to agree with. */
import ort from 'onnxruntime-node';
import type { JsonObject } from '../../../base/json.js';
import { sizeOf } from '../../../onnx/tensor.js';
import { headsOf } from '../imported/genai.js';

/** The rows of a batch, as they are fed. */
export interface Rows {
  readonly tokens: readonly (readonly number[])[];
  /** Default: every token is real. */
  readonly mask?: readonly (readonly number[])[];
}

/** Runs a file on rows; positions are 0, 1, … in every row, past keys and values are empty. */
export async function runOriginal(path: string, rows: Rows, config: JsonObject = {}) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  try {
    const [batch, length] = [rows.tokens.length, (rows.tokens[0] as number[]).length];
    const fed: Record<string, readonly (readonly number[])[]> = {
      input_ids: rows.tokens,
      attention_mask: rows.mask ?? rows.tokens.map((row) => row.map(() => 1)),
      position_ids: rows.tokens.map((row) => row.map((_, i) => i)),
      token_type_ids: rows.tokens.map((row) => row.map(() => 0)),
    };
    const { keyHeads, headSize } = headsOf(config);
    const feeds: Record<string, ort.Tensor> = {};
    for (const input of session.inputMetadata) {
      if (!input.isTensor) throw new Error(`${input.name} is no tensor`);
      const values = fed[input.name];
      if (values !== undefined) {
        feeds[input.name] = new ort.Tensor('int64', BigInt64Array.from(values.flat(), BigInt), [
          batch,
          length,
        ]);
      } else {
        const past = [batch, keyHeads, 0, headSize].map((size) => (Number.isNaN(size) ? 0 : size));
        const shape = input.shape.map((size, axis) =>
          typeof size === 'number' ? size : (past[axis] as number),
        );
        feeds[input.name] = new ort.Tensor(input.type as 'float32', new Float32Array(sizeOf(shape)), shape);
      }
    }
    const name =
      session.outputNames.find((known) => known === 'logits') ?? (session.outputNames[0] as string);
    const result = (await session.run(feeds, [name]))[name] as ort.Tensor;
    return { shape: result.dims, data: result.data as Float32Array };
  } finally {
    await session.release();
  }
}
