/** @file The command line: `temper <command>`. */
import { Command, CommanderError } from 'commander';
import { codeOf, EnvironmentError, ExitCode, messageOf, UserError } from '../base/errors.js';
import { runtime } from '../base/runtime.js';
import { addGlobalOptions, contextOf } from './context.js';

type Register = (program: Command) => void;

const openStore = (command: Command) => contextOf(command).openStore();
const lifecycle = async (): Promise<Register> => (await import('./lifecycle.js')).registerLifecycle;
const results = async (): Promise<Register> => (await import('./results.js')).registerResults;

/** Command → what registers it. Loaded when needed: the Temporal client alone takes longer than a plan. */
const commands: Record<string, () => Promise<Register>> = {
  run: async () => (await import('./run.js')).registerRun,
  plan: async () => (await import('./plan.js')).registerPlan,
  status: async () => (await import('./status.js')).registerStatus,
  results,
  report: results,
  cancel: lifecycle,
  worker: lifecycle,
  up: lifecycle,
  down: lifecycle,
  devices: async () => (await import('./devices.js')).registerDevices,
  finetune: async () => (await import('./finetune.js')).registerFinetune,
  predict: async () => (await import('./predict.js')).registerPredict,
  generate: async () => (await import('./generate.js')).registerGenerate,
  export: async () => (await import('./export.js')).registerExport,
  methods: async () => (await import('./methods.js')).registerMethods,
  tasks: async () => (await import('./tasks.js')).registerTasks,
  schema: async () => (await import('./schema.js')).registerSchema,
  store: async () => {
    const { registerStore } = await import('./store.js');
    return (program) => void registerStore(program, openStore);
  },
  lineage: async () => {
    const { registerLineage } = await import('./lineage.js');
    return (program) => void registerLineage(program, openStore);
  },
};

const program = new Command('temper')
  .description('Weak-to-strong generalization experiments as durable workflows')
  .version(runtime['temper'] ?? '')
  .showHelpAfterError('(temper --help lists the commands)')
  .exitOverride();
addGlobalOptions(program);

// Whoever closes the pipe, as head does, has read enough.
process.stdout.on('error', (error) => {
  if (codeOf(error) === 'EPIPE') process.exit();
  throw error;
});
const named = process.argv.slice(2).find((argument) => argument in commands);
const loaders = named === undefined ? new Set(Object.values(commands)) : [commands[named]!];
try {
  for (const load of loaders) (await load())(program);
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
// Temporal's client can hold the process open for a while after its connection is closed.
// A pipe takes 64 kB at once; what is still on its way would be lost.
for (const stream of [process.stdout, process.stderr])
  await new Promise((resolve) => stream.write('', resolve));
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
