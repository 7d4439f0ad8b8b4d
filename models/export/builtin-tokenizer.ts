/** @file The built-in tokenizers as tokenizer.json and tokenizer_config.json of Hugging Face's tokenizers. */
import type { JsonObject } from '../../base/json.js';
import { type Tokenizer, wordPattern } from '../tokenizer.js';

const names = { pad: '<pad>', bos: '<bos>', unk: '<unk>' } as const;

/**
 * tokenizer.json. Texts get the beginning-of-text token in front, as the built-in models are trained with. One
 * difference remains: a text that itself holds `<pad>`, `<bos>` or `<unk>` is read as that token.
 */
export function tokenizerJson(tokenizer: Tokenizer): JsonObject {
  const { pad, bos, unk } = tokenizer;
  const special = Object.entries({ pad, bos, unk }).map(([role, id]) => ({
    ...{ id, content: names[role as keyof typeof names], special: true },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  const parts = tokenizer.kind === 'bytes' ? bytes() : words(tokenizer);
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const start = (type: number) => ({ SpecialToken: { id: names.bos, type_id: type } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.sort((a, b) => a.id - b.id),
    post_processor: {
      type: 'TemplateProcessing',
      single: [start(0), sequence('A', 0)],
      pair: [start(0), sequence('A', 0), sequence('B', 0)],
      special_tokens: { [names.bos]: { id: names.bos, ids: [bos], tokens: [names.bos] } },
    },
    ...parts,
  };
}

export function tokenizerConfig(context: number): JsonObject {
  return {
    bos_token: names.bos,
    clean_up_tokenization_spaces: false,
    model_max_length: context,
    model_input_names: ['input_ids', 'attention_mask'],
    pad_token: names.pad,
    tokenizer_class: 'PreTrainedTokenizerFast',
    unk_token: names.unk,
  };
}

/** Each byte is a token, written as byte-level BPE writes it; there are no merges. */
function bytes(): JsonObject {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  const vocabulary: Record<string, number> = { [names.pad]: 0, [names.bos]: 1, [names.unk]: 2 };
  byteCharacters().forEach((character, byte) => (vocabulary[character] = byte + 3));
  return {
    normalizer: null,
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false },
      ...{ vocab: vocabulary, merges: [] },
    },
  };
}

/** GPT-2's printable stand-ins of the 256 bytes: those that print stand for themselves, the others follow at 256. */
function byteCharacters(): string[] {
  const prints = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
}

function words(tokenizer: Tokenizer): JsonObject {
  const stored = tokenizer.toJSON();
  if (stored.kind !== 'words') throw new Error('not a tokenizer of words');
  const tokens = [names.pad, names.bos, names.unk, ...stored.words];
  return {
    normalizer: stored.lowerCase ? { type: 'Lowercase' } : null,
    // "invert": what matches is a word, and what stands between is removed.
    pre_tokenizer: {
      type: 'Split',
      pattern: { Regex: wordPattern.source },
      behavior: 'Removed',
      invert: true,
    },
    decoder: null,
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: names.unk,
    },
  };
}
