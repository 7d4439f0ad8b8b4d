/** @file A model folder's own tokenizer: tokenizer.json and tokenizer_config.json, read by @huggingface/tokenizers. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { codeOf, messageOf, UserError } from '../../base/errors.js';
import { type ChatMessage, type ChatOptions, ChatTemplate, readTemplates } from './chat-template.js';
import { decodeStream, type DecodeStream, tidiedStream } from './decode-stream.js';

export interface HfTokenizer {
  /** Ids of a text; with the tokens that the tokenizer puts around every text, unless told otherwise. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** Two texts as one sequence, and which of the two (0, 1) each id belongs to: `token_type_ids`. */
  encodePair(text: string, pair: string, options?: { addSpecialTokens?: boolean }): EncodedPair;
  /** Text of ids. Special tokens are written out unless told otherwise, as in transformers. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Text of ids that come one by one. */
  decodeStream(options?: { skipSpecialTokens?: boolean }): DecodeStream;
  /** The text of a conversation; encode it without special tokens, which the template has written. */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): string;
  /** Whether the folder has a chat template. */
  readonly hasChatTemplate: boolean;
  readonly padId?: number;
  readonly bosId?: number;
  readonly unkId?: number;
  /** What ends a text, if the tokenizer says. */
  readonly eosId?: number;
  readonly eosIds: readonly number[];
  /** One more than the largest id, added tokens included. */
  readonly vocabularySize: number;
  /** The longest sequence that the tokenizer is meant for, if it says. */
  readonly modelMaxLength?: number;
  readonly paddingSide: 'left' | 'right';
}

export interface EncodedPair {
  readonly ids: number[];
  readonly segments: number[];
}

/** What is used of the library, whose own types name files in a way that Node's resolution does not find. */
interface LibraryTokenizer {
  encode(
    text: string,
    options: { text_pair?: string; add_special_tokens: boolean; return_token_type_ids?: true },
  ): { ids: (number | undefined)[]; token_type_ids?: number[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_vocab(): Map<string, number>;
}
const LibraryTokenizer = Tokenizer as unknown as new (tokenizer: object, config: object) => LibraryTokenizer;

/** Names of the special tokens, as tokenizer_config.json and chat templates know them. */
const specialNames = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** transformers writes numbers of this size for "no limit". */
const noLimit = 1e12;

/**
 * Opens the tokenizer of a model folder.
 *
 * @throws UserError where tokenizer.json is missing (and how to make one), damaged, or of a kind not known
 */
export async function loadTokenizer(folder: string): Promise<HfTokenizer> {
  const file = await optionalText(join(folder, 'tokenizer.json'));
  if (file === undefined) throw new UserError(await missingMessage(folder));
  const tokenizer = parseObject(file, join(folder, 'tokenizer.json'));
  const config = await optionalObject(join(folder, 'tokenizer_config.json'));
  // Older folders name the special tokens in a file of their own.
  const specials = { ...(await optionalObject(join(folder, 'special_tokens_map.json'))), ...config };
  const template = await optionalText(join(folder, 'chat_template.jinja'));
  return new FolderTokenizer(folder, tokenizer, specials, template);
}

/**
 * Checks that a model has an embedding for each id that its tokenizer makes. Models often have more rows than there
 * are tokens; the other way round, the two do not belong together.
 */
export function checkVocabulary(tokenizer: HfTokenizer, vocabulary: number, folder: string): void {
  if (tokenizer.vocabularySize <= vocabulary) return;
  throw new UserError(
    `the tokenizer of ${folder} has ids up to ${tokenizer.vocabularySize - 1}, and the model's vocabulary has ` +
      `${vocabulary}: they do not belong together. Take tokenizer.json from the folder that the model came from` +
      ' (or, where tokens were added, export the model after resize_token_embeddings)',
  );
}

class FolderTokenizer implements HfTokenizer {
  readonly eosIds: readonly number[];
  readonly hasChatTemplate: boolean;
  readonly padId?: number;
  readonly bosId?: number;
  readonly unkId?: number;
  readonly eosId?: number;
  readonly vocabularySize: number;
  readonly modelMaxLength?: number;
  readonly paddingSide: 'left' | 'right';
  readonly #tokenizer: LibraryTokenizer;
  readonly #tidies: boolean;
  readonly #template: ChatTemplate;

  constructor(folder: string, tokenizer: object, config: Record<string, unknown>, template?: string) {
    try {
      this.#tokenizer = new LibraryTokenizer(tokenizer, config);
    } catch (error) {
      throw new UserError(
        `${join(folder, 'tokenizer.json')} is of a kind that cannot be read: ${messageOf(error)}. ` +
          'Give ready token ids (input_ids) instead of texts',
      );
    }
    // The library tidies by default; transformers only where the configuration says so.
    this.#tidies = config['clean_up_tokenization_spaces'] === true;
    const texts = Object.fromEntries(
      specialNames.flatMap((name) => {
        const text = specialText(config[name]);
        return text === undefined ? [] : [[name, text]];
      }),
    );
    const idOf = (name: (typeof specialNames)[number]): number | undefined => {
      const text = texts[name];
      return text === undefined ? undefined : this.#tokenizer.token_to_id(text);
    };
    this.padId = idOf('pad_token');
    this.bosId = idOf('bos_token');
    this.unkId = idOf('unk_token');
    this.eosId = idOf('eos_token');
    this.eosIds = this.eosId === undefined ? [] : [this.eosId];
    this.vocabularySize = largestId(this.#tokenizer) + 1;
    const limit = config['model_max_length'];
    this.modelMaxLength = typeof limit === 'number' && limit < noLimit ? limit : undefined;
    this.paddingSide = config['padding_side'] === 'left' ? 'left' : 'right';
    const templates = readTemplates(config['chat_template'], template);
    this.hasChatTemplate = templates.size > 0;
    this.#template = new ChatTemplate(templates, texts, folder);
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    return known(this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids);
  }

  encodePair(
    text: string,
    pair: string,
    { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {},
  ): EncodedPair {
    const { ids, token_type_ids } = this.#tokenizer.encode(text, {
      text_pair: pair,
      add_special_tokens: addSpecialTokens,
      return_token_type_ids: true,
    });
    // Where nothing is put around the texts, the first ends where it would end alone.
    const first =
      token_type_ids === undefined
        ? this.#tokenizer.encode(text, { add_special_tokens: false }).ids.length
        : 0;
    const segments = token_type_ids ?? ids.map((_, i) => (i < first ? 0 : 1));
    return { ids: known(ids), segments: segments.filter((_, i) => ids[i] !== undefined) };
  }

  decode(
    ids: readonly number[],
    { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {},
  ): string {
    const text = this.#raw(ids, skipSpecialTokens);
    return this.#tidies ? tidied(text) : text;
  }

  decodeStream({ skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): DecodeStream {
    const stream = decodeStream((ids) => this.#raw(ids, skipSpecialTokens));
    return this.#tidies ? tidiedStream(stream, tidied) : stream;
  }

  chat(messages: readonly ChatMessage[], options?: ChatOptions): string {
    return this.#template.render(messages, options);
  }

  #raw(ids: readonly number[], skipSpecialTokens: boolean): string {
    // Models may have more ids than the tokenizer; those stand for nothing, as in transformers.
    const meaningful = ids.filter((id) => this.#tokenizer.id_to_token(id) !== undefined);
    if (meaningful.length === 0) return '';
    return this.#tokenizer.decode(meaningful, {
      skip_special_tokens: skipSpecialTokens,
      clean_up_tokenization_spaces: false,
    });
  }
}

/** What a tokenizer without an unknown token has no id for is left out, as the Rust tokenizers do. */
function known(ids: readonly (number | undefined)[]): number[] {
  return ids.filter((id) => id !== undefined);
}

/** transformers' `clean_up_tokenization`, in its order. */
function tidied(text: string): string {
  return text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

function largestId(tokenizer: LibraryTokenizer): number {
  let largest = -1;
  for (const id of tokenizer.get_vocab().values()) largest = Math.max(largest, id);
  return largest;
}

/** A special token is written as text, or as an object with its text in `content`. */
function specialText(field: unknown): string | undefined {
  if (typeof field === 'string') return field;
  if (
    typeof field === 'object' &&
    field !== null &&
    'content' in field &&
    typeof field.content === 'string'
  ) {
    return field.content;
  }
  return undefined;
}

async function missingMessage(folder: string): Promise<string> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    return `cannot read the folder ${folder}: ${messageOf(error)}`;
  }
  const slow = ['tokenizer.model', 'spiece.model', 'vocab.json', 'vocab.txt'].find((name) =>
    files.includes(name),
  );
  return (
    `${folder} has no tokenizer.json${slow === undefined ? '' : ` (only ${slow}, the older form)`}. Make one with Python: ` +
    `AutoTokenizer.from_pretrained(MODEL).save_pretrained("${folder}"); or give ready token ids (input_ids)`
  );
}

async function optionalText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new UserError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

async function optionalObject(path: string): Promise<Record<string, unknown>> {
  const text = await optionalText(path);
  return text === undefined ? {} : parseObject(text, path);
}

function parseObject(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON (${messageOf(error)}); if it was downloaded, download it again`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UserError(`${path} holds no JSON object`);
}
