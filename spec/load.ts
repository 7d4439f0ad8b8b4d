/** @file Reads a sweep file from disk, and checks that the files it names are there. */
import { constants } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, messageOf, UserError } from '../base/errors.js';
import { mistakeAt, reporter, SweepFileError, type MistakeNote, type Reporter } from './mistakes.js';
import type { Source } from './source.js';
import { nearest } from './suggest.js';
import type { ModuleUse } from './modules.js';
import { moduleUses, readSweep, type LoadedSweep, type ParseOptions } from './sweep.js';
import type { FileUse } from './tasks.js';
import type { Vocabulary } from './vocabulary.js';

export interface LoadOptions {
  vocabulary: Vocabulary;
  /** Loads a user's module and adds what it brings to the vocabulary, under the path as written. */
  bring?: (vocabulary: Vocabulary, use: ModuleUse) => Promise<Vocabulary>;
  /** `--set` arguments: path=value. */
  sets?: readonly string[];
  /** The folder that `path` and relative paths in a `--set` start from (absolute). */
  cwd?: string;
}

const mostBytes = 10_000_000;

/**
 * Reads, checks and multiplies out a sweep file.
 * @param path as the user wrote it: messages name it so
 * @throws SweepFileError with every mistake: of the file, of the `--set`s, and of the files that they name
 */
export async function loadSweepFile(path: string, options: LoadOptions): Promise<LoadedSweep> {
  const cwd = options.cwd ?? process.cwd();
  const absolute = resolve(cwd, path);
  const text = await readText(path, absolute);
  const report = reporter();
  const parsing = { ...options, source: path, folder: dirname(absolute), cwd };
  const vocabulary = await withModules(text, parsing, options.bring, report);
  if (report.mistakes.length > 0) throw new SweepFileError(path, report.inOrder());
  const { sweep, files } = readSweep(text, { ...parsing, vocabulary }, report);
  for (const file of files) await checkFile(file, report);
  if (sweep === undefined || report.mistakes.length > 0) throw new SweepFileError(path, report.inOrder());
  return sweep;
}

/** The vocabulary with what the sweep's own modules bring; what is wrong with a module is said where it is named. */
async function withModules(
  text: string,
  parsing: ParseOptions,
  bring: LoadOptions['bring'],
  report: Reporter,
): Promise<Vocabulary> {
  let { vocabulary } = parsing;
  for (const use of bring === undefined ? [] : moduleUses(text, parsing)) {
    try {
      vocabulary = await bring!(vocabulary, use);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      report.report(use.span, {
        code: 'unreadable',
        path: use.path,
        message: error.message,
        found: use.written,
      });
    }
  }
  return vocabulary;
}

async function readText(path: string, absolute: string): Promise<string> {
  const source: Source = { name: path, kind: 'file', text: '', folder: dirname(absolute) };
  const refuse = (note: Pick<MistakeNote, 'code' | 'message' | 'suggestion'>): SweepFileError =>
    new SweepFileError(path, [mistakeAt({ source, start: 0, end: 0 }, { path: '', ...note })]);
  let bytes: Buffer;
  try {
    const { size } = await stat(absolute);
    if (size > mostBytes)
      throw refuse({
        code: 'unreadable',
        message: `this is no sweep: it is ${Math.round(size / 1e6)} MB large.`,
      });
    bytes = await readFile(absolute);
  } catch (error) {
    if (error instanceof SweepFileError) throw error;
    if (codeOf(error) === 'EISDIR')
      throw refuse({ code: 'not-a-file', message: `${absolute} is a folder; name a sweep file in it.` });
    if (codeOf(error) !== 'ENOENT')
      throw refuse({ code: 'unreadable', message: `${absolute} cannot be read: ${messageOf(error)}.` });
    const suggestion = await similarFile(absolute, path);
    throw refuse({ code: 'missing-file', message: `there is no file ${absolute}.`, ...suggestion });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const is16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const what = is16 ? 'it is UTF-16' : 'its bytes are not UTF-8';
    throw refuse({
      code: 'unreadable',
      message: `a sweep is a UTF-8 text file, and ${what}; save it as UTF-8.`,
    });
  }
}

async function checkFile(file: FileUse, report: Reporter): Promise<void> {
  const { path, span, absolute, written } = file;
  try {
    const found = await stat(absolute);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'not a regular file';
      report.report(span, {
        code: 'not-a-file',
        path,
        message: `${absolute} is ${what}; expected a data file.`,
      });
      return;
    }
    await access(absolute, constants.R_OK);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') {
      report.report(span, {
        code: 'unreadable',
        path,
        message: `${absolute} cannot be read: ${messageOf(error)}.`,
      });
      return;
    }
    const from = span.source.kind === 'set' ? 'the current folder' : "the sweep file's folder";
    const relative =
      written === absolute ? '' : ` (relative paths start from ${from}, ${span.source.folder})`;
    const home = written.startsWith('~') ? ' "~" is not expanded: write the whole path.' : '';
    const suggestion = await similarFile(absolute, written);
    const message = `there is no file ${absolute}${relative}.${home}`;
    report.report(span, { code: 'missing-file', path, message, found: written, ...suggestion });
  }
}

/** A file of nearly the same name in the same folder. */
async function similarFile(absolute: string, written: string): Promise<{ suggestion?: string }> {
  let names: string[];
  try {
    names = await readdir(dirname(absolute));
  } catch (error) {
    // No folder, nothing similar in it; the message about the file says enough.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'EACCES') return {};
    throw error;
  }
  const near = nearest(basename(absolute), names.sort());
  return near === undefined ? {} : { suggestion: join(dirname(written), near) };
}
