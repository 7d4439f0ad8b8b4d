/** @file Conversations as the text that a model was taught them in: its chat template, a Jinja program in its folder. */
import { Template } from '@huggingface/jinja';
import { messageOf, UserError } from '../../base/errors.js';

/** One turn. Templates may read more fields (`tool_calls`, `name`), and content in parts. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

export interface ChatOptions {
  /** End with the opening of the assistant's turn, so that the model answers. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** Functions that the model may call, as JSON Schemas. */
  readonly tools?: readonly unknown[];
  /** Which of several templates; default: `tool_use` when there are tools, else `default`. */
  readonly template?: string;
  /** What else this model's template reads (`enable_thinking`). */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A folder's templates by name. */
export type ChatTemplates = ReadonlyMap<string, string>;

/**
 * The templates of `tokenizer_config.json` (one, or a list of named ones); a file `chat_template.jinja`, which newer
 * exports have instead, goes before the default.
 */
export function readTemplates(field: unknown, file: string | undefined): ChatTemplates {
  const templates = new Map<string, string>();
  if (typeof field === 'string') templates.set('default', field);
  if (Array.isArray(field)) {
    for (const entry of field as unknown[]) {
      if (!isNamedTemplate(entry)) {
        throw new UserError(
          `chat_template in tokenizer_config.json: expected {name, template} in the list, found ${JSON.stringify(entry)}`,
        );
      }
      templates.set(entry.name, entry.template);
    }
  }
  if (file !== undefined) templates.set('default', file);
  return templates;
}

function isNamedTemplate(entry: unknown): entry is { name: string; template: string } {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'name' in entry &&
    'template' in entry &&
    typeof entry.name === 'string' &&
    typeof entry.template === 'string'
  );
}

/** Renders conversations; each template is parsed once. */
export class ChatTemplate {
  readonly #templates: ChatTemplates;
  readonly #specialTokens: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #parsed = new Map<string, Template>();

  /** @param specialTokens what templates call `bos_token`, `eos_token`, … */
  constructor(templates: ChatTemplates, specialTokens: Readonly<Record<string, string>>, folder: string) {
    this.#templates = templates;
    this.#specialTokens = specialTokens;
    this.#folder = folder;
  }

  /** @throws UserError where there is no template, or it refuses the conversation */
  render(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    const name =
      options.template ??
      (options.tools !== undefined && this.#templates.has('tool_use') ? 'tool_use' : 'default');
    const template = this.#named(name);
    try {
      return template.render({
        ...this.#specialTokens,
        ...options.variables,
        messages,
        // Templates ask `if tools`, as Python's renderer lets them.
        tools: options.tools ?? null,
        documents: null,
        add_generation_prompt: options.addGenerationPrompt ?? false,
      });
    } catch (error) {
      throw new UserError(
        `the chat template of ${this.#folder} cannot write these messages: ${messageOf(error)}`,
      );
    }
  }

  #named(name: string): Template {
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const source = this.#templates.get(name);
    if (source === undefined) {
      const names = [...this.#templates.keys()];
      throw new UserError(
        names.length === 0
          ? `${this.#folder} has no chat template (chat_template in tokenizer_config.json, or chat_template.jinja): ` +
              'the model was not made for conversations; give it plain text, or put a template there'
          : `${this.#folder} has no chat template named ${name}; it has: ${names.join(', ')}`,
      );
    }
    try {
      const template = new Template(source);
      this.#parsed.set(name, template);
      return template;
    } catch (error) {
      throw new UserError(`the chat template of ${this.#folder} cannot be read: ${messageOf(error)}`);
    }
  }
}
