/** @file docs/extending.md shows the very files that the tests run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../base/folders.js';

const page = join(packageRoot(), 'docs/extending.md');

/** The page with each example's text behind the comment that names its file. */
function filled(text: string): string {
  return text.replace(
    /<!-- (examples\/\S+\.ts) -->\n(\n```ts\n[\s\S]*?\n```\n)?/g,
    (_, file: string) =>
      `<!-- ${file} -->\n\n\`\`\`ts\n${readFileSync(join(packageRoot(), file), 'utf8').trimEnd()}\n\`\`\`\n`,
  );
}

it('the examples on the page are the files (TEMPER_PAGES=write npx vitest run test/extending.test.ts)', () => {
  const text = readFileSync(page, 'utf8');
  if (process.env['TEMPER_PAGES'] === 'write') writeFileSync(page, filled(text));
  expect(readFileSync(page, 'utf8')).toBe(filled(text));
});
