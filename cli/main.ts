/** @file The command line: `temper <command>`. */
import { Command, CommanderError } from 'commander';
import { EnvironmentError, ExitCode, messageOf, UserError } from '../base/errors.js';
import { runtime } from '../base/runtime.js';
import { addGlobalOptions, contextOf } from './context.js';
import { registerLifecycle } from './lifecycle.js';
import { registerLineage } from './lineage.js';
import { registerPlan } from './plan.js';
import { registerResults } from './results.js';
import { registerRun } from './run.js';
import { registerStatus } from './status.js';
import { registerStore } from './store.js';

const program = new Command('temper')
  .description('Weak-to-strong generalization experiments as durable workflows')
  .version(runtime['temper'] ?? '')
  .showHelpAfterError('(temper --help lists the commands)')
  .exitOverride();
addGlobalOptions(program);
registerRun(program);
registerPlan(program);
registerStatus(program);
registerResults(program);
registerLifecycle(program);
const openStore = (command: Command) => contextOf(command).openStore();
registerStore(program, openStore);
registerLineage(program, openStore);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
// Temporal's client can hold the process open for a while after its connection is closed.
process.exit();

function report(error: unknown): ExitCode {
  // Commander has already written its message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usersMistake;
  if (error instanceof UserError || error instanceof EnvironmentError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  return ExitCode.environment;
}
