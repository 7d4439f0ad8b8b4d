/** @file What the build is made from, and whether it still is: hashes of sources, kept beside what was built. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Every TypeScript file that is not a test, relative to the root, in one order. */
export function sourceFiles(root) {
  const isRoom = (entry) =>
    entry.isDirectory() &&
    !entry.name.startsWith('.') &&
    !['node_modules', 'dist', 'test'].includes(entry.name);
  return readdirSync(root, { withFileTypes: true })
    .filter(isRoom)
    .flatMap((room) =>
      readdirSync(join(root, room.name), { recursive: true }).map((file) => join(room.name, file)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort();
}

/** sha256 of one file's content. */
export function hashFile(root, file) {
  return createHash('sha256')
    .update(readFileSync(join(root, file)))
    .digest('hex');
}

/** sha256 over names and contents. */
export function hashFiles(root, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** An entry point and everything that it imports by a relative path, directly or not, relative to the root. */
export function importClosure(root, entry) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path) || !existsSync(path)) return;
    found.add(path);
    const code = readFileSync(path, 'utf8');
    for (const [, target] of code.matchAll(/(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g))
      visit(join(dirname(path), target));
  };
  visit(join(root, entry));
  return [...found].map((path) => relative(root, path)).sort();
}
