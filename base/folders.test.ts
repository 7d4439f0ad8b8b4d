import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from './errors.js';
import { cacheFolder, entryPoint, packageRoot } from './folders.js';

describe('where things are', () => {
  it('finds the package from its sources', () => {
    expect(existsSync(join(packageRoot(), 'package-lock.json'))).toBe(true);
  });

  it('says how to build what is not built', () => {
    expect(() => entryPoint('worker/nobody')).toThrow(EnvironmentError);
    expect(() => entryPoint('worker/nobody')).toThrow('npm run build');
  });

  it('caches where the platform or the user says', () => {
    expect(cacheFolder({ HOME: '/h' }, 'linux')).toBe('/h/.cache/temper');
    expect(cacheFolder({ HOME: '/h' }, 'darwin')).toBe('/h/Library/Caches/temper');
    expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/x' }, 'linux')).toBe('/x/temper');
    expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: 'relative' }, 'linux')).toBe('/h/.cache/temper');
    expect(cacheFolder({ HOME: '/h', TEMPER_CACHE: '/t' }, 'linux')).toBe('/t');
  });

  it('refuses a cache folder that depends on where one stands', () => {
    expect(() => cacheFolder({ TEMPER_CACHE: 'cache' })).toThrow('absolute path');
  });
});
