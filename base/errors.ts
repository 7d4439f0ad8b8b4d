/** @file The errors that people are meant to read: what was wrong, where, what was expected, what to do. */

/** Exit codes of the command line. */
export const ExitCode = { done: 0, someTrialsFailed: 1, usersMistake: 2, environment: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Something the user wrote or asked for cannot be done as it stands; the command line exits with 2. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly exitCode: ExitCode = ExitCode.usersMistake;
}

/** Something around Temper is missing or broken (no server, no device, no space); the command line exits with 3. */
export class EnvironmentError extends Error {
  override readonly name: string = 'EnvironmentError';
  readonly exitCode: ExitCode = ExitCode.environment;
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's code of an error (`ENOENT`, `ENOSPC`, …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
