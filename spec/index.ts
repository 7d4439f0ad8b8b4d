/** @file What a sweep file may say: the door to this room. */
export { withoutDefaults } from './defaults.js';
export * from './fields.js';
export { sweepJsonSchema } from './json-schema.js';
export { loadSweepFile, type LoadOptions } from './load.js';
export type { SweepMethod } from './methods.js';
export { SweepFileError, type MistakeCode, type SweepMistake } from './mistakes.js';
export type { SweepModel, SweepPair } from './models.js';
export { parseSweep, type LoadedSweep, type ParseOptions } from './sweep.js';
export type { SweepTask } from './tasks.js';
export {
  finetuneSchema,
  pretrainSchema,
  schedules,
  type FinetuneSettings,
  type PretrainSettings,
  type Schedule,
} from './training.js';
export type { Vocabulary } from './vocabulary.js';
