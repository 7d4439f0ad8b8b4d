/** @file What a generation is told to do: options, then generation_config.json, then transformers' own defaults. */
import { UserError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';

/** As in transformers' GenerationConfig. What is left out comes from the model's generation_config.json. */
export interface GenerateOptions {
  readonly maxNewTokens?: number;
  /** Prompt and new tokens together; the row's own, without padding. `maxNewTokens` goes before it. */
  readonly maxLength?: number;
  readonly minNewTokens?: number;
  readonly minLength?: number;
  readonly doSample?: boolean;
  readonly temperature?: number;
  /** 0: all. */
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly noRepeatNgramSize?: number;
  readonly suppressTokens?: readonly number[];
  readonly eosIds?: readonly number[];
  /** Texts that end a row; they are cut off its text. Needs a tokenizer. */
  readonly stop?: readonly string[];
  /** Continuations of each row. */
  readonly numReturn?: number;
  readonly seed?: number | string;
}

export interface Settings {
  readonly maxNewTokens: number | undefined;
  readonly maxLength: number | undefined;
  readonly minNewTokens: number;
  readonly minLength: number;
  readonly doSample: boolean;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly noRepeatNgramSize: number;
  readonly suppressTokens: readonly number[];
  readonly eosIds: readonly number[];
  readonly stop: readonly string[];
  readonly numReturn: number;
  readonly seed: number | string;
}

/** transformers generates this many tokens when nobody says how many. */
const defaultNewTokens = 20;

/** What the file may ask for and Temper does not do, with the values that ask for nothing. */
const notDone: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  penalty_alpha: [0],
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  begin_suppress_tokens: [],
  bad_words_ids: [],
  sequence_bias: [],
  exponential_decay_length_penalty: [],
  encoder_repetition_penalty: [1],
  guidance_scale: [1],
  watermarking_config: [],
};

/**
 * Settles every setting.
 *
 * @param file generation_config.json; without one transformers looks into config.json
 * @throws UserError for values that make no sense, and for what the file asks for and is not done
 */
export function settle(options: GenerateOptions, file: JsonObject | undefined, config: JsonObject): Settings {
  const from = file ?? config;
  for (const [field, neutral] of Object.entries(notDone)) {
    const value = from[field] ?? undefined;
    if (value === undefined || neutral.includes(value)) continue;
    throw new UserError(
      `generation_config.json asks for ${field} = ${JSON.stringify(value)}, which Temper does not do; remove it there`,
    );
  }
  const number = (field: string, given: number | undefined, fallback: number): number =>
    given ?? (typeof from[field] === 'number' ? from[field] : fallback);
  const optional = (field: string, given: number | undefined): number | undefined =>
    given ?? (typeof from[field] === 'number' ? from[field] : undefined);
  const maxNewTokens =
    options.maxNewTokens ??
    (options.maxLength === undefined ? optional('max_new_tokens', undefined) : undefined);
  const maxLength = maxNewTokens === undefined ? optional('max_length', options.maxLength) : undefined;
  return checked({
    maxNewTokens: maxNewTokens ?? (maxLength === undefined ? defaultNewTokens : undefined),
    maxLength,
    minNewTokens: number('min_new_tokens', options.minNewTokens, 0),
    minLength: number('min_length', options.minLength, 0),
    doSample: options.doSample ?? from['do_sample'] === true,
    temperature: number('temperature', options.temperature, 1),
    topK: number('top_k', options.topK, 50),
    topP: number('top_p', options.topP, 1),
    minP: number('min_p', options.minP, 0),
    repetitionPenalty: number('repetition_penalty', options.repetitionPenalty, 1),
    noRepeatNgramSize: number('no_repeat_ngram_size', options.noRepeatNgramSize, 0),
    suppressTokens: options.suppressTokens ?? idsOf(from['suppress_tokens']),
    eosIds: options.eosIds ?? idsOf(from['eos_token_id'] ?? config['eos_token_id']),
    stop: options.stop ?? textsOf(from['stop_strings']),
    numReturn: number('num_return_sequences', options.numReturn, 1),
    seed: options.seed ?? 0,
  });
}

function checked(settings: Settings): Settings {
  const { doSample, numReturn, stop } = settings;
  const must = (name: keyof Settings, holds: boolean, expected: string): void => {
    if (!holds) {
      throw new UserError(`${name} is ${JSON.stringify(settings[name])}; expected ${expected}`);
    }
  };
  for (const name of ['maxNewTokens', 'maxLength', 'numReturn'] as const) {
    const value = settings[name];
    must(name, value === undefined || (Number.isInteger(value) && value > 0), 'a whole number above 0');
  }
  for (const name of ['minNewTokens', 'minLength', 'topK', 'noRepeatNgramSize'] as const) {
    must(name, Number.isInteger(settings[name]) && settings[name] >= 0, 'a whole number, 0 or more');
  }
  must('temperature', settings.temperature > 0, 'a number above 0 (for the likeliest tokens, do not sample)');
  must('topP', settings.topP >= 0 && settings.topP <= 1, 'a number from 0 to 1');
  must('minP', settings.minP >= 0 && settings.minP <= 1, 'a number from 0 to 1');
  must('repetitionPenalty', settings.repetitionPenalty > 0, 'a number above 0');
  must('stop', !stop.includes(''), 'texts that are not empty');
  if (numReturn > 1 && !doSample) {
    throw new UserError(
      `${numReturn} continuations of each row are asked for without sampling: they would all be the same`,
    );
  }
  return settings;
}

function idsOf(field: unknown): number[] {
  if (typeof field === 'number') return [field];
  return Array.isArray(field) ? field.filter((id) => typeof id === 'number') : [];
}

function textsOf(field: unknown): string[] {
  if (typeof field === 'string') return [field];
  return Array.isArray(field) ? field.filter((text) => typeof text === 'string') : [];
}

/** How many tokens may follow a prompt, given the model's context. */
export function roomFor(
  promptLength: number,
  { maxNewTokens, maxLength }: Settings,
  context: number,
): number {
  const asked = maxNewTokens ?? Math.max(0, maxLength! - promptLength);
  return Math.min(asked, Math.max(0, context - promptLength));
}
