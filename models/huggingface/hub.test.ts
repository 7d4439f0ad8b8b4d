import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EnvironmentError, UserError } from '../../base/errors.js';
import { ModelProtoSchema, TensorProto_DataLocation } from '../../onnx/onnx_pb.js';
import { resolveModel, type ResolveOptions } from './hub.js';
import { type FakeHub, type FakeRepository, startHub } from '../../hub/testing/hub-server.js';

const commit = '0123456789abcdef0123456789abcdef01234567';

/** A model whose weights stand in another file. */
function onnxFile(dataFile: string): Uint8Array {
  const externalData = [{ key: 'location', value: dataFile }];
  const initializer = [
    { name: 'w', dataType: 1, dims: [1n], dataLocation: TensorProto_DataLocation.EXTERNAL, externalData },
  ];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, graph: { initializer } }));
}

const weights = randomBytes(300_000);
const repository: FakeRepository = {
  commit,
  files: {
    'README.md': '# not needed',
    'config.json': '{"model_type":"gpt2"}',
    'tokenizer.json': '{}',
    'tokenizer_config.json': '{"model_max_length":32}',
    'onnx/model.onnx': onnxFile('weights/model_data'),
    'onnx/weights/model_data': weights,
    'onnx/model_fp16.onnx': 'another form',
    'model.safetensors': 'not needed',
  },
};
const repositories: Record<string, FakeRepository> = {
  'owner/model': repository,
  'owner/torch': { commit, files: { 'config.json': '{}', 'model.safetensors': 'x' } },
  'owner/gated': { ...repository, token: 'hf_right', gated: true },
  'owner/private': { ...repository, token: 'hf_right' },
};

let hub: FakeHub;
let cache: string;
let options: ResolveOptions;

beforeEach(async () => {
  hub = await startHub(repositories);
  cache = await mkdtemp(join(tmpdir(), 'hub-cache-'));
  options = { endpoint: hub.endpoint, cache, offline: false, patience: { tries: 3, waitMs: 1 } };
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true });
});

const resolvePaths = () => hub.asked.filter(({ path }) => path.includes('/resolve/')).map(({ path }) => path);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a model on the hub', () => {
  it('is downloaded into the cache that Python uses, as far as it is needed', async () => {
    const { folder, file, ...found } = await resolveModel('owner/model', options);
    expect(found).toEqual({ commit, source: 'hub' });
    expect(folder).toBe(join(cache, 'models--owner--model', 'snapshots', commit));
    expect(file).toBe('onnx/model.onnx');
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(
      [
        ...['config.json', 'onnx', 'onnx/model.onnx', 'onnx/weights', 'onnx/weights/model_data'],
        ...['tokenizer.json', 'tokenizer_config.json'],
      ].sort(),
    );
    expect(weights.equals(await readFile(join(folder, 'onnx/weights/model_data')))).toBe(true);
    expect(await readlink(join(folder, 'onnx/weights/model_data'))).toBe(
      `../../../../blobs/${sha256(weights)}`,
    );
    expect(await readlink(join(folder, 'config.json'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(await readFile(join(cache, 'models--owner--model/refs/main'), 'utf8')).toBe(commit);
    expect(await readdir(join(cache, 'models--owner--model'))).toEqual(['blobs', 'refs', 'snapshots']);
  });

  it('is not downloaded twice', async () => {
    await resolveModel('owner/model', options);
    const before = resolvePaths().length;
    await resolveModel(`owner/model@${commit}`, options);
    expect(resolvePaths()).toHaveLength(before);
  });

  it('may be asked for by another of its ONNX files', async () => {
    const faulty = resolveModel('owner/model', { ...options, weights: 'fp16' });
    await expect(faulty).rejects.toThrow(/model_fp16\.onnx is not an ONNX file, or is cut off/);
    await expect(resolveModel('owner/model', { ...options, file: 'q4.onnx' })).rejects.toThrow(
      'holds no q4.onnx. It holds: onnx/model.onnx, onnx/model_fp16.onnx.',
    );
  });

  it('is found in what another program has put into the cache', async () => {
    const root = join(cache, 'models--owner--model');
    const blob = sha256(weights);
    await mkdir(join(root, 'blobs'), { recursive: true });
    await mkdir(join(root, 'snapshots', commit, 'onnx/weights'), { recursive: true });
    await writeFile(join(root, 'blobs', blob), weights);
    await symlink(`../../../../blobs/${blob}`, join(root, 'snapshots', commit, 'onnx/weights/model_data'));
    await resolveModel('owner/model', options);
    expect(resolvePaths().filter((path) => path.includes('model_data'))).toEqual([]);
  });

  it('says how far it is', async () => {
    const seen: string[] = [];
    await resolveModel('owner/model', {
      ...options,
      onProgress: ({ file, received, total }) => void (received === total && seen.push(file)),
    });
    expect(seen).toEqual([
      ...['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'],
      'onnx/weights/model_data',
    ]);
  });
});

describe('a download', () => {
  const data = 'storage/owner/model/onnx/weights/model_data';

  it('goes on where the connection broke', async () => {
    hub.misbehave(data, { kind: 'break', afterBytes: 100_000 });
    const { folder } = await resolveModel('owner/model', options);
    const ranges = hub.asked.filter(({ path }) => path.includes(data)).map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    expect(weights.equals(await readFile(join(folder, 'onnx/weights/model_data')))).toBe(true);
  });

  it('goes on in a later attempt', async () => {
    const breaking = { kind: 'break', afterBytes: 50_000 } as const;
    const refusing = { kind: 'status', status: 503 } as const;
    hub.misbehave(data, breaking, refusing, refusing, refusing);
    await expect(resolveModel('owner/model', options)).rejects.toThrow(/503/);
    const { folder } = await resolveModel('owner/model', options);
    expect(hub.asked.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(weights.equals(await readFile(join(folder, 'onnx/weights/model_data')))).toBe(true);
  });

  it('begins again where the server knows no ranges', async () => {
    hub.misbehave(data, { kind: 'break', afterBytes: 100_000 }, { kind: 'no ranges' });
    const { folder } = await resolveModel('owner/model', options);
    expect(weights.equals(await readFile(join(folder, 'onnx/weights/model_data')))).toBe(true);
  });

  it('with wrong bytes is made again once, and then given up without a trace', async () => {
    hub.misbehave(data, { kind: 'wrong bytes' });
    const { folder } = await resolveModel('owner/model', options);
    expect(weights.equals(await readFile(join(folder, 'onnx/weights/model_data')))).toBe(true);

    await rm(join(cache, 'models--owner--model'), { recursive: true });
    hub.misbehave(data, { kind: 'wrong bytes' }, { kind: 'wrong bytes' });
    const failing = resolveModel('owner/model', options);
    await expect(failing).rejects.toThrow(/wrong bytes, twice: sha256 [0-9a-f]{64}, and the hub's list says/);
    await expect(failing).rejects.toBeInstanceOf(EnvironmentError);
    expect(await readdir(join(cache, 'models--owner--model/blobs'))).not.toContain(sha256(weights));
  });

  it('of a small file is checked as git does', async () => {
    hub.misbehave('config.json', { kind: 'wrong bytes' }, { kind: 'wrong bytes' });
    await expect(resolveModel('owner/model', options)).rejects.toThrow(/wrong bytes, twice: git-sha1/);
  });

  it('waits when it is asked to, and tries again', async () => {
    const busy = { kind: 'status', status: 429, retryAfter: 0 } as const;
    hub.misbehave('/api/models', busy, { kind: 'status', status: 503 });
    expect((await resolveModel('owner/model', options)).source).toBe('hub');
    hub.misbehave('/api/models', busy, busy, busy);
    await rm(join(cache, 'models--owner--model'), { recursive: true });
    await expect(resolveModel('owner/model', options)).rejects.toThrow(/429 .*3 times in a row.*HF_TOKEN/);
  });

  it('by several at once gives one whole file', async () => {
    const all = Array.from({ length: 4 }, () => resolveModel('owner/model', options));
    const folders = new Set((await Promise.all(all)).map(({ folder }) => folder));
    expect(folders.size).toBe(1);
    expect(weights.equals(await readFile(join([...folders][0] as string, 'onnx/weights/model_data')))).toBe(
      true,
    );
    expect(hub.asked.filter(({ path }) => path.includes(data))).toHaveLength(1);
    const left = await readdir(cache, { recursive: true });
    expect(left.filter((path) => /incomplete|\.tmp|\.lock$/.test(path))).toEqual([]);
  });
});

describe('without a network', () => {
  it('what is in the cache does, and says why', async () => {
    await resolveModel('owner/model', options);
    await hub.close();
    const { folder, notice } = await resolveModel('owner/model', options);
    expect(folder).toContain(commit);
    expect(notice).toMatch(/as it is in the cache, commit 0123456789ab: The hub at .* cannot be reached/);
    hub = await startHub(repositories);
  });

  it('HF_HUB_OFFLINE asks nobody', async () => {
    await resolveModel('owner/model', options);
    const before = hub.asked.length;
    const { notice } = await resolveModel('owner/model', { ...options, offline: true });
    expect(notice).toContain('HF_HUB_OFFLINE');
    expect(hub.asked).toHaveLength(before);
  });

  it('what is not in the cache is named', async () => {
    const cold = resolveModel('owner/model', { ...options, offline: true });
    await expect(cold).rejects.toThrow(/owner\/model@main is not in the cache .*Download it once/s);
    await expect(cold).rejects.toMatchObject({ exitCode: 3 });
    const { folder } = await resolveModel('owner/model', options);
    await rm(join(folder, 'onnx/weights/model_data'));
    await expect(resolveModel('owner/model', { ...options, offline: true })).rejects.toThrow(
      /The cache lacks onnx\/weights\/model_data/,
    );
  });
});

describe('what cannot be had', () => {
  const failing = async (reference: string, more: ResolveOptions = {}): Promise<Error> => {
    const outcome = await resolveModel(reference, { ...options, ...more }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(UserError);
    return outcome as Error;
  };

  it('is explained: no such repository, revision, agreement, token, ONNX file', async () => {
    expect((await failing('owner/nothing')).message).toMatch(/is not on .*, or is private.*set HF_TOKEN/);
    expect((await failing('owner/model@v2')).message).toMatch(/no revision "v2".*tree\/main lists/);
    expect((await failing('owner/gated')).message).toMatch(
      /is gated.*Accept it at .*owner\/gated, then set HF_TOKEN/,
    );
    expect((await failing('owner/gated', { token: 'hf_wrong' })).message).toMatch(
      /the token in use may not read it/,
    );
    expect((await failing('owner/private', { token: 'hf_wrong' })).message).toMatch(/or is private/);
    const torch = (await failing('owner/torch')).message;
    expect(torch).toContain('onnx-community/torch');
    expect(torch).toContain('optimum-cli export onnx --model owner/torch FOLDER');
    expect((await failing('./no/folder')).message).toMatch(/no folder .*owner\/name/);
    expect((await failing('typo')).message).toMatch(/no folder typo/);
  });

  it('is had with the right token, which goes to the hub alone', async () => {
    const { source } = await resolveModel('owner/gated', { ...options, token: 'hf_right' });
    expect(source).toBe('hub');
    const stored = hub.asked.filter(({ path }) => path.startsWith('/storage/'));
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.every(({ authorization }) => authorization === undefined)).toBe(true);
  });
});

it('a folder is as good as a name, and comes first', async () => {
  expect(await resolveModel(cache, options)).toEqual({ folder: cache, source: 'local' });
  expect(hub.asked).toEqual([]);
});

describe.skipIf(process.env['TEMPER_TEST_PYTHON'] === undefined)('Python', () => {
  it('finds what Temper has downloaded', async () => {
    const { folder } = await resolveModel('owner/model', options);
    const script = `
from huggingface_hub import snapshot_download, scan_cache_dir
import sys
print(snapshot_download('owner/model', cache_dir=sys.argv[1], local_files_only=True))
info = scan_cache_dir(sys.argv[1])
print(len(info.warnings), [r.repo_id for r in info.repos])`;
    const printed = execFileSync(process.env['TEMPER_TEST_PYTHON'] as string, ['-c', script, cache], {
      encoding: 'utf8',
    });
    expect(printed.trim().split('\n')).toEqual([folder, "0 ['owner/model']"]);
  });

  it('has put things where Temper finds them', async () => {
    const script = `
from huggingface_hub import hf_hub_download
import sys
hf_hub_download('owner/model', 'onnx/weights/model_data', cache_dir=sys.argv[1], endpoint=sys.argv[2])`;
    // The server runs in this process, so Python must not block it.
    const { execFile } = await import('node:child_process');
    const child = execFile(process.env['TEMPER_TEST_PYTHON'] as string, ['-c', script, cache, hub.endpoint]);
    onTestFinished(() => void child.kill());
    await new Promise((done) => child.once('exit', done));
    const before = hub.asked.length;
    const { folder } = await resolveModel('owner/model', options);
    expect((await lstat(join(folder, 'onnx/weights/model_data'))).isSymbolicLink()).toBe(true);
    expect(hub.asked.slice(before).filter(({ path }) => path.includes('model_data'))).toEqual([]);
  });
});
