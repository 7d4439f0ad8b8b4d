/** @file A GPU in software for tests of WebGPU: SwiftShader, as the development dependency @sparticuz/chromium brings it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll } from 'vitest';
import { packageRoot } from '../../base/folders.js';
import { closeSessions } from '../session.js';

/** glibc's RTLD_NODELETE: the library stays, though Node finds that it is no addon and closes it. */
const stayLoaded = 0x1000;

/** Whether the package's binaries are for this machine. */
export const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64';

/**
 * Makes SwiftShader this process's Vulkan. To be called before the first WebGPU session, on the main thread.
 *
 * @returns what removes the unpacked files; the process keeps using the libraries that it has open
 */
function useSwiftShader(): () => void {
  const archive = readFileSync(
    join(packageRoot(), 'node_modules/@sparticuz/chromium/bin/swiftshader.tar.br'),
  );
  const folder = mkdtempSync(join(tmpdir(), 'temper-swiftshader-'));
  execFileSync('tar', ['-x', '-C', folder], { input: brotliDecompressSync(archive) });
  try {
    // Found by its name from now on, without LD_LIBRARY_PATH, which is only read when a process starts.
    process.dlopen({ exports: {} }, join(folder, 'libvulkan.so.1'), constants.dlopen.RTLD_NOW | stayLoaded);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('did not self-register')) throw error;
  }
  process.env['VK_ICD_FILENAMES'] = join(folder, 'vk_swiftshader_icd.json');
  process.env['XDG_RUNTIME_DIR'] ??= folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

/** {@link useSwiftShader} for the tests of a describe or a file. */
export function onSwiftShader(): void {
  let remove = (): void => undefined;
  beforeAll(() => {
    remove = useSwiftShader();
  });
  afterAll(async () => {
    await closeSessions();
    remove();
  });
}
