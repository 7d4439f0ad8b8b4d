/** @file From the sources to dist/: compile, bundle the workflows, and do neither when nothing has changed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { Failure, step } from './say.mjs';
import { hashFile, hashFiles, importClosure, sourceFiles } from './sources.mjs';

const stampFile = 'dist/.built.json';
const workflowEntry = 'dist/workflows/index.js';
const workflowBundle = 'dist/workflow-bundle.js';

/** Source files become .js files of the same name; declarations have no code. */
const isCompiled = (source) => !source.endsWith('.d.ts');
const compiledName = (source) => join('dist', source.replace(/\.ts$/, '.js'));

/** Whether dist/ was made from the sources as they are now. */
export function isBuilt(root) {
  const stamp = readStamp(root);
  return (
    stamp.compiler === compilerHash(root) &&
    staleFiles(root, stamp).length === 0 &&
    Object.keys(stamp.files).length === sourcesOf(root).length &&
    (!existsSync(join(root, workflowEntry)) || existsSync(join(root, workflowBundle)))
  );
}

/**
 * Compiles the files that have changed, each by itself and without a look at its types (that is what
 * {@link checkTypes} is for, and what makes this quick), and bundles the workflows.
 */
export async function build(root) {
  const compiler = compilerHash(root);
  const before = readStamp(root);
  const stamp = before.compiler === compiler ? before : { compiler, files: {} };
  // Before compiling: a file that is edited meanwhile is stale the next time.
  const files = Object.fromEntries(sourcesOf(root).map((file) => [file, hashFile(root, file)]));
  const stale = staleFiles(root, stamp);
  if (stale.length > 0)
    await step(`compiling ${stale.length} files (a few seconds)`, () => compile(root, stale));
  removeOrphans(root);
  const bundle = await bundleWorkflows(root, before.bundle);
  writeWhole(join(root, stampFile), JSON.stringify({ compiler, files, bundle }));
}

/** Everything that the type checker has to say is a {@link Failure}. */
export async function checkTypes(root) {
  const tsc = createRequire(join(root, 'package.json')).resolve('typescript/bin/tsc');
  // What it leaves are declarations: what an editor shows to those who write methods and tasks of their own.
  const args = [
    tsc,
    '--emitDeclarationOnly',
    '--incremental',
    '--tsBuildInfoFile',
    'dist/.types.tsbuildinfo',
  ];
  // To stderr: what a compiler says is no command's output.
  const check = () => spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] }).status;
  if ((await step('checking types (about 15 s the first time)', check)) !== 0)
    throw new Failure(
      'TypeScript found the errors above.',
      'mend them (a fresh clone has none: git status), then run: npm run build',
    );
}

const sourcesOf = (root) => sourceFiles(root).filter(isCompiled);

function compilerHash(root) {
  return hashFiles(root, ['tsconfig.json', 'package-lock.json']);
}

function staleFiles(root, stamp) {
  return sourcesOf(root).filter(
    (file) => stamp.files?.[file] !== hashFile(root, file) || !existsSync(join(root, compiledName(file))),
  );
}

/** @param {string[]} files */
async function compile(root, files) {
  const { default: ts } = await import('typescript');
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  for (const file of files) {
    const target = compiledName(file);
    const { outputText, sourceMapText } = ts.transpileModule(readFileSync(join(root, file), 'utf8'), {
      fileName: file,
      // Without a look at package.json the compiler would take a file for CommonJS.
      compilerOptions: { ...options, module: ts.ModuleKind.ESNext, moduleResolution: undefined },
    });
    const map = { ...JSON.parse(sourceMapText), sources: [relative(dirname(target), file)] };
    mkdirSync(join(root, dirname(target)), { recursive: true });
    writeWhole(join(root, `${target}.map`), JSON.stringify(map));
    writeWhole(join(root, target), outputText);
  }
}

/** Compiled files whose source was deleted or renamed: nothing may import them by mistake. */
function removeOrphans(root) {
  const compiled = new Set(sourcesOf(root).map(compiledName));
  for (const file of readdirSync(join(root, 'dist'), { recursive: true })) {
    const path = join('dist', file);
    if (!file.endsWith('.js') || path === workflowBundle || compiled.has(path)) continue;
    rmSync(join(root, path));
    rmSync(join(root, `${path}.map`), { force: true });
  }
}

/**
 * The workflows and all they import in one file, so that a worker starts in a second. Returns the hash of what
 * went in.
 */
async function bundleWorkflows(root, bundledBefore) {
  if (!existsSync(join(root, workflowEntry))) return undefined;
  const hash = hashFiles(root, [...importClosure(root, workflowEntry), 'package-lock.json']);
  if (hash === bundledBefore && existsSync(join(root, workflowBundle))) return hash;
  await step('bundling the workflows (about 5 s)', async () => {
    const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(root, workflowEntry),
      logger: new DefaultLogger('WARN'),
    });
    writeWhole(join(root, workflowBundle), code);
  });
  return hash;
}

function readStamp(root) {
  const path = join(root, stampFile);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { files: {} };
}

/** A reader sees the old file or the new one, never a part. */
function writeWhole(path, text) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
