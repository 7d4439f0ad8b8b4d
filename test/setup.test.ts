import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

const setup = (file: string) => pathToFileURL(join(packageRoot(), 'setup', file)).href;
const { isInstalled } = (await import(setup('install.mjs'))) as { isInstalled: (root: string) => boolean };
const { build, checkTypes, isBuilt } = (await import(setup('build.mjs'))) as {
  build: (root: string) => Promise<void>;
  checkTypes: (root: string) => Promise<void>;
  isBuilt: (root: string) => boolean;
};

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'temper-setup-'));
});

afterEach(() => rm(root, { recursive: true }));

async function write(path: string, content: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true });
  await writeFile(join(root, path), content);
}

describe('dependencies', () => {
  const lock = (packages: object) => JSON.stringify({ packages });
  const zod = { 'node_modules/zod': { version: '4.0.0', integrity: 'sha512-a' } };
  const otherPlatform = { 'node_modules/x-win32': { version: '1.0.0', optional: true } };

  it('are installed when npm says it has put in place what the lockfile names', async () => {
    await write('package-lock.json', lock({ '': {}, ...zod, ...otherPlatform }));
    expect(isInstalled(root)).toBe(false);
    await write('node_modules/.package-lock.json', lock(zod));
    expect(isInstalled(root)).toBe(true);
  });

  it('are stale when the lockfile has moved on', async () => {
    await write('node_modules/.package-lock.json', lock(zod));
    await write(
      'package-lock.json',
      lock({ 'node_modules/zod': { version: '4.0.1', integrity: 'sha512-b' } }),
    );
    expect(isInstalled(root)).toBe(false);
    await write('package-lock.json', lock({ ...zod, 'node_modules/yaml': { version: '2.0.0' } }));
    expect(isInstalled(root)).toBe(false);
  });
});

describe('the build', () => {
  beforeEach(async () => {
    for (const file of ['tsconfig.json', 'package.json', 'package-lock.json'])
      await write(file, await readFile(join(packageRoot(), file), 'utf8'));
    await symlink(join(packageRoot(), 'node_modules'), join(root, 'node_modules'));
    await write('base/errors.ts', 'export const one = 1;\n');
    await write('spec/two.ts', "import { one } from '../base/errors.js';\nexport const two = one + one;\n");
  });

  it('is there once it is made, and stale when a source changes', async () => {
    expect(isBuilt(root)).toBe(false);
    await build(root);
    expect(isBuilt(root)).toBe(true);
    expect(((await import(pathToFileURL(join(root, 'dist/spec/two.js')).href)) as { two: number }).two).toBe(
      2,
    );
    await utimes(join(root, 'spec/two.ts'), new Date(), new Date());
    expect(isBuilt(root)).toBe(true);
    await write('spec/two.ts', 'export const two = 2;\n');
    expect(isBuilt(root)).toBe(false);
  });

  it('keeps nothing of a source that is gone, and makes again what was deleted', async () => {
    await build(root);
    await rm(join(root, 'spec/two.ts'));
    await rm(join(root, 'dist/base/errors.js'));
    expect(isBuilt(root)).toBe(false);
    await build(root);
    expect(existsSync(join(root, 'dist/spec/two.js'))).toBe(false);
    expect(existsSync(join(root, 'dist/base/errors.js'))).toBe(true);
  });

  it('does not look at types, which have a check of their own', async () => {
    await write('spec/two.ts', "export const two: number = 'two';\n");
    await build(root);
    expect(isBuilt(root)).toBe(true);
    await expect(checkTypes(root)).rejects.toThrow('TypeScript found the errors above');
    await write('spec/two.ts', 'export const two = 2;\n');
    await checkTypes(root);
  });

  it('says where in the sources an error came from', async () => {
    await write(
      'spec/two.ts',
      "interface Long {\n  one: 1;\n}\nexport const fail = (): Long => {\n  throw new Error('here');\n};\n",
    );
    await build(root);
    const code = "import { fail } from './dist/spec/two.js'; fail();";
    const child = spawn(process.execPath, ['--enable-source-maps', '--input-type=module', '-e', code], {
      cwd: root,
    });
    let said = '';
    child.stderr.on('data', (data) => (said += String(data)));
    await new Promise((settle) => child.on('close', settle));
    expect(said).toContain(`${join(root, 'spec/two.ts')}:5`);
  });

  it('bundles the workflows again when something they import changes, and only then', async () => {
    await write('workflows/index.ts', "export * from './sweep.js';\n");
    await write(
      'workflows/sweep.ts',
      "import { one } from '../base/errors.js';\nexport async function sweep() { return `marker ${one}`; }\n",
    );
    await build(root);
    const bundle = join(root, 'dist/workflow-bundle.js');
    expect(await readFile(bundle, 'utf8')).toContain('marker');

    await writeFile(bundle, 'as it was');
    await write('spec/two.ts', 'export const two = 3;\n');
    await build(root);
    expect(await readFile(bundle, 'utf8')).toBe('as it was');

    await write('base/errors.ts', 'export const one = 11;\n');
    await build(root);
    expect(await readFile(bundle, 'utf8')).toContain('marker');
  });
});

describe('the lock', () => {
  /** A process that adds 1 to a number in a file `times` times, each under the lock; or takes it and is killed. */
  function counter(times: number, dies = false) {
    const script = `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { withLock } from ${JSON.stringify(setup('lock.mjs'))};
      const file = ${JSON.stringify(join(root, 'count'))};
      for (let i = 0; i < ${times}; i++)
        await withLock(${JSON.stringify(join(root, 'deep/lock'))}, () => {}, async () => {
          const count = Number(readFileSync(file, 'utf8'));
          if (${dies}) process.kill(process.pid, 'SIGKILL');
          await new Promise((done) => setTimeout(done, 1));
          writeFileSync(file, String(count + 1));
        });
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    return new Promise<number | null>((settle) => child.on('close', settle));
  }

  it('lets one process work at a time, also after one was killed in the middle', async () => {
    await write('count', '0');
    expect(await counter(1, true)).toBe(null);
    expect(await Promise.all([counter(5), counter(5), counter(5)])).toEqual([0, 0, 0]);
    expect(await readFile(join(root, 'count'), 'utf8')).toBe('15');
    expect(existsSync(join(root, 'deep/lock'))).toBe(false);
  });
});
