/** @file A user's own method or task as one text: TypeScript or JavaScript, with whatever it imports. */
import { build, type BuildFailure, type Message } from 'esbuild';
import { messageOf, UserError } from '../../base/errors.js';
import { sha256 } from '../../base/json.js';

export interface Bundle {
  /** sha256 of the code: part of the key of every stage that it has a hand in. */
  readonly digest: string;
  /** A CommonJS module that requires `temper-w2s` and modules of Node, and nothing else. */
  readonly code: string;
}

/** What a user's module imports Temper as. */
export const packageName = 'temper-w2s';

/**
 * Bundles a module and its imports, those from node_modules included, so that its digest says all that it does.
 * @param path absolute
 * @throws UserError with file and line where it cannot be read, parsed or resolved
 */
export async function bundleModule(path: string): Promise<Bundle> {
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      bundle: true,
      write: false,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      external: [packageName],
      logLevel: 'silent',
      // No comment names where this machine keeps the files: the same sources have the same digest everywhere.
      minifySyntax: false,
      legalComments: 'none',
      absWorkingDir: path.replace(/[^/\\]*$/, ''),
    });
    const code = outputFiles[0]!.text;
    return { digest: sha256(code), code };
  } catch (error) {
    const mistakes = (error as Partial<BuildFailure>).errors;
    throw new UserError(
      mistakes === undefined
        ? `${path} cannot be loaded: ${messageOf(error)}`
        : `${path} cannot be loaded:\n${mistakes.map(described).join('\n')}`,
      { cause: error },
    );
  }
}

function described({ text, location }: Message): string {
  return location === null
    ? `  ${text}`
    : `  ${location.file}:${location.line}:${location.column + 1}: ${text}`;
}
