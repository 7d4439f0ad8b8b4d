/** @file From the sources to dist/: compile, bundle the workflows, and do neither when nothing has changed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Failure, step } from './say.mjs';
import { hashFiles, importClosure, sourceFiles } from './sources.mjs';

const stampFile = 'dist/.built.json';
const workflowEntry = 'dist/workflows/index.js';
const workflowBundle = 'dist/workflow-bundle.js';

/** Whether dist/ was made, without errors, from the sources as they are now. */
export function isBuilt(root) {
  return (
    readStamp(root).sources === hashSources(root) &&
    isWhole(root) &&
    (!existsSync(join(root, workflowEntry)) || existsSync(join(root, workflowBundle)))
  );
}

/** Compiles and bundles what has changed. Type errors are a {@link Failure}; the code is written all the same. */
export async function build(root) {
  const sources = hashSources(root);
  const stamp = readStamp(root);
  const correct =
    (stamp.sources === sources && isWhole(root)) ||
    (await step('compiling TypeScript (about 10 s)', () => compile(root)));
  removeOrphans(root);
  const bundle = await bundleWorkflows(root, stamp.bundle);
  writeStamp(root, { ...(correct ? { sources } : {}), ...(bundle === undefined ? {} : { bundle }) });
  if (!correct)
    throw new Failure(
      'TypeScript found the errors above.',
      'mend them (a fresh clone has none: git status), then run: npm run build',
    );
}

function hashSources(root) {
  return hashFiles(root, [...sourceFiles(root), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']);
}

const compiledName = (source) => source.replace(/\.ts$/, '.js');

function isWhole(root) {
  return sourceFiles(root).every((file) => existsSync(join(root, 'dist', compiledName(file))));
}

/** Whether there were no errors. */
function compile(root) {
  // The compiler goes by its own record, and would not write again what was deleted.
  if (!isWhole(root)) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
  const tsc = createRequire(join(root, 'package.json')).resolve('typescript/bin/tsc');
  // To stderr: what a compiler says is no command's output.
  const stdio = ['ignore', 2, 2];
  return spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio }).status === 0;
}

/** Compiled files whose source was deleted or renamed: nothing may import them by mistake. */
function removeOrphans(root) {
  const compiled = new Set(sourceFiles(root).map(compiledName));
  for (const file of readdirSync(join(root, 'dist'), { recursive: true })) {
    if (!file.includes('/') || !file.endsWith('.js') || compiled.has(file)) continue;
    rmSync(join(root, 'dist', file));
    rmSync(join(root, 'dist', `${file}.map`), { force: true });
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
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

function writeStamp(root, stamp) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeWhole(join(root, stampFile), JSON.stringify(stamp));
}

function writeWhole(path, text) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
