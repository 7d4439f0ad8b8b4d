/** @file Tiny models of models/fixtures/huggingface as folders of the hub's form. For tests. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../base/folders.js';

const fixtures = join(packageRoot(), 'models/fixtures/huggingface');

/** Unpacks an architecture's export by one road (`bert`, `optimum`) into `folder`. */
export async function unpackFixture(name: string, road: string, folder: string): Promise<string> {
  await mkdir(join(folder, 'onnx'), { recursive: true });
  const model = await readFile(join(fixtures, name, road, 'model.onnx.gz'));
  await writeFile(join(folder, 'onnx', 'model.onnx'), gunzipSync(model));
  for (const entry of await readdir(join(fixtures, name), { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'numbers.json') continue;
    await copyFile(join(fixtures, name, entry.name), join(folder, entry.name));
  }
  return folder;
}
