import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { publish, refTo, temporaryFolder } from '../test/store.js';
import { setAside } from './aside.js';
import { Store } from './store.js';

const folder = temporaryFolder();
afterAll(folder.remove);

it('an artifact that was replaced since it was looked at stays where it is', async () => {
  const store = await Store.open(join(folder.path, 'store'), { create: true });
  const labels = refTo('labels');
  await publish(store, labels, { labels: 'x' });
  const { ino } = statSync(join(store.root, 'artifacts', labels.kind, labels.key));
  expect(await setAside(store.root, labels, ino + 1, 'damaged', 'it was, a moment ago')).toBeUndefined();
  expect((await store.probe([labels])).published).toEqual([labels]);
  expect(readdirSync(join(store.root, 'damaged'))).toEqual([]);
  expect(await setAside(store.root, labels, ino, 'damaged', 'it is')).toMatchObject({ ref: labels });
  expect(await setAside(store.root, labels, ino, 'damaged', 'it is')).toBeUndefined();
});
