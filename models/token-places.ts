/** @file Which places of a batch have a loss: the head is computed there and nowhere else. */
import type { InputSpec } from '../onnx/program.js';
import type { Batch } from '../onnx/trainer.js';
import { ignoredLabel, type TokenPlace, type TuningRow } from './losses/loss.js';
import type { Sizes } from './network.js';

/** How many tokens of the rows have a label that counts. */
export function countLabels(rows: readonly TuningRow[], shift: 0 | 1): number {
  return labelled(rows, shift).length;
}

/** The places with a label, row by row, among as many as a graph is made for. */
export function tokenPlaces(
  rows: readonly TuningRow[],
  shift: 0 | 1,
  places: number,
  { batch, length }: Sizes,
): TokenPlace[] {
  return labelled(rows, shift).map((place, index) => ({
    ...place,
    index: places === batch * length ? place.row * length + place.position : index,
  }));
}

/** Each with the logits that are about it: those of the token before, for causal models. */
function labelled(rows: readonly TuningRow[], shift: 0 | 1): Omit<TokenPlace, 'index'>[] {
  return rows.flatMap(({ ids, labels }, row) => {
    const places: Omit<TokenPlace, 'index'>[] = [];
    for (let position = 0; position + shift < ids.length; position++) {
      const label = labels?.[position + shift] ?? ignoredLabel;
      if (label !== ignoredLabel) places.push({ row, position, label });
    }
    return places;
  });
}

/** How many places a graph is made for where `count` have a loss: one of a few numbers, so that there are few graphs. */
export function placesFor(count: number, { batch, length }: Sizes): number {
  const all = batch * length;
  return [8, 4, 2].map((part) => Math.ceil(all / part)).find((places) => places >= count) ?? all;
}

export function placeInputs(places: number, { batch, length }: Sizes): InputSpec[] {
  return [
    ...(places < batch * length ? [{ name: 'places', dtype: 'int64' as const, shape: [places] }] : []),
    { name: 'labels', dtype: 'int64', shape: [places] },
    { name: 'weights', dtype: 'float32', shape: [places] },
    { name: 'rows', dtype: 'int64', shape: [places] },
  ];
}

/** Places as a step takes them, filled up with others that weigh nothing, since each may be read only once. */
export function placeBatch(found: readonly TokenPlace[], places: number, { batch, length }: Sizes): Batch {
  const at = new BigInt64Array(places);
  const labels = new BigInt64Array(places);
  const weights = new Float32Array(places);
  const rows = new BigInt64Array(places);
  const put = (index: number, place: number, label: number, weight: number) => {
    at[index] = BigInt(place);
    labels[index] = BigInt(label);
    weights[index] = weight;
    rows[index] = BigInt(Math.floor(place / length));
  };
  if (places === batch * length) {
    for (let place = 0; place < places; place++) put(place, place, 0, 0);
  } else {
    const taken = new Set(found.map(({ row, position }) => row * length + position));
    let next = 0;
    for (let index = found.length; index < places; index++) {
      while (taken.has(next)) next++;
      put(index, next++, 0, 0);
    }
  }
  for (const { index, row, position, label } of found) put(index, row * length + position, label, 1);
  return { ...(places === batch * length ? {} : { places: at }), labels, weights, rows };
}
