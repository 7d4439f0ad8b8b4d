import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

interface Configuration {
  forbidden: NonNullable<ICruiseOptions['ruleSet']>['forbidden'];
  options: ICruiseOptions;
}

const root = packageRoot();
const configuration = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as Configuration;

/** Every room with TypeScript in it. */
function rooms(): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$)/.test(entry.name))
    .filter((entry) =>
      readdirSync(join(root, entry.name), { recursive: true }).some((file) => String(file).endsWith('.ts')),
    )
    .map((entry) => entry.name);
}

/** The rules that the import graph breaks, one line each. */
async function violations(folders: string[], baseDir: string): Promise<string[]> {
  const options = {
    ...configuration.options,
    ruleSet: { forbidden: configuration.forbidden },
    validate: true,
    baseDir,
  };
  const tsConfig = extractTSConfig(join(root, 'tsconfig.json'));
  const { output } = await cruise(folders, options, undefined, { tsConfig });
  return (output as ICruiseResult).summary.violations.map(
    ({ rule, from, to }) => `${rule.name}: ${from} → ${to}`,
  );
}

describe('imports', () => {
  it('point downwards only, in no circle, and workflow code imports only what is pure', async () => {
    expect(await violations(rooms(), root)).toEqual([]);
  });

  it('name every room in the rules', () => {
    const text = JSON.stringify(configuration.forbidden);
    const unknown = rooms().filter(
      (room) => room !== 'test' && !text.includes(`"${room}-imports-downwards"`),
    );
    expect(unknown).toEqual([]);
  });
});
