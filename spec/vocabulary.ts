/** @file What the sweep language can talk about. The language is here; its words are handed in by whoever can act on them. */
import type { z } from 'zod';
import type { JsonObject } from '../base/json.js';

/**
 * Registries of name → parameters. Whatever the schemas say is what a sweep may say: unknown keys are refused whether
 * or not a schema is strict, the order of fields is the order in which lists expand, and `.describe()` is what
 * editors and messages show.
 */
export interface Vocabulary {
  methods: Record<string, z.ZodObject>;
  controls: Record<string, z.ZodObject>;
  /** `controls: standard` means all controls with their defaults, or with each of the choices that stand here. */
  standard?: Record<string, readonly JsonObject[]>;
  /** Tasks made by a generator: `{ generator: dialects, … }`. */
  generators: Record<string, z.ZodObject>;
  /** Tasks over a file of the user's: `{ type: classification, file: …, … }`. */
  fileTasks: Record<string, z.ZodObject>;
  /** Built-in models: `{ architecture: gpt, … }`. */
  architectures: Record<string, z.ZodObject>;
}
