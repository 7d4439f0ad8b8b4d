/** @file Rows as a training step takes them: side by side, filled up to the sizes of a graph. */
import type { Batch } from '../onnx/trainer.js';
import { dropoutWords } from './dropout.js';
import type { TuningRow } from './losses/loss.js';
import { rowHeadBatch } from './network-heads.js';
import { countLabels, placeBatch, placesFor, tokenPlaces } from './token-places.js';
import type { Subject, TuningSizes } from './tuning.js';

/** Rows that go through a graph together. */
export interface MicroRows {
  readonly rows: readonly TuningRow[];
  /** B: as many rows, or more: the others count nothing. */
  readonly batch: number;
  /** T: as many tokens as the longest row, or more. */
  readonly length: number;
}

/** The sizes of the graph that takes these rows. */
export function sizesOf({ loss }: Subject, { rows, batch, length }: MicroRows): TuningSizes {
  return {
    batch,
    length,
    places: loss.reads === 'tokens' ? placesFor(countLabels(rows, loss.shift), { batch, length }) : 0,
    positions: rows.some(({ positions }) => positions !== undefined),
    segments: rows.some(({ segments }) => segments !== undefined),
  };
}

/** Where dropout gets its masks from: a step, and the part of it. */
export interface DropoutPlace {
  readonly seed: number | string;
  readonly step: number;
  readonly part: number;
}

/**
 * @throws RangeError naming the row that does not fit
 */
export function tuningBatch(
  subject: Subject,
  { rows, batch, length }: MicroRows,
  sizes: TuningSizes,
  place: DropoutPlace,
): Batch {
  const { loss, head, lora } = subject;
  checkRows(rows, batch, length);
  const dropout = lora?.config.dropout ?? 0;
  return {
    ...tokenInputs(rows, sizes),
    ...(head === undefined ? {} : rowHeadBatch(head, rows, sizes)),
    ...(loss.reads === 'rows' ? loss.collate(rows, sizes) : tokenLossInputs(loss, rows, sizes)),
    ...(lora !== undefined && dropout > 0
      ? { dropout: dropoutWords(lora.linears.length, place.seed, place.step, place.part) }
      : {}),
  };
}

function tokenLossInputs(
  loss: Extract<Subject['loss'], { reads: 'tokens' }>,
  rows: readonly TuningRow[],
  sizes: TuningSizes,
): Batch {
  const places = tokenPlaces(rows, loss.shift, sizes.places, sizes);
  return { ...placeBatch(places, sizes.places, sizes), ...(loss.collate?.(rows, places, sizes) ?? {}) };
}

function checkRows(rows: readonly TuningRow[], batch: number, length: number): void {
  if (rows.length === 0 || rows.length > batch) {
    throw new RangeError(`${rows.length} rows do not fit into a batch of ${batch}`);
  }
  rows.forEach(({ ids }, row) => {
    if (ids.length === 0 || ids.length > length) {
      throw new RangeError(`row ${row} of the batch has ${ids.length} tokens: 1 to ${length} fit`);
    }
  });
}

/** Rows that are missing are the first once more: rows of padding alone would be no numbers in some models. */
function tokenInputs(rows: readonly TuningRow[], sizes: TuningSizes): Batch {
  const { batch, length } = sizes;
  const empty = () => new BigInt64Array(batch * length);
  const [tokens, mask, positions, segments] = [empty(), empty(), empty(), empty()];
  for (let r = 0; r < batch; r++) {
    const row = (rows[r] ?? rows[0]) as TuningRow;
    const size = row.ids.length;
    for (let i = 0; i < length; i++) {
      const at = r * length + i;
      tokens[at] = BigInt(row.ids[i] ?? 0);
      mask[at] = i < size ? BigInt(row.mask?.[i] ?? 1) : 0n;
      // Positions of padding still have to be in the model's table: those of a row without padding are.
      positions[at] = BigInt((i < size ? row.positions?.[i] : undefined) ?? i);
      segments[at] = BigInt(row.segments?.[i] ?? 0);
    }
  }
  return { tokens, mask, positions, segments };
}
