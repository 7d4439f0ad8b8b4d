/** @file `temper finetune` and `temper predict` as people run them: what comes out, what goes wrong. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearField, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Ran, System } from '../bench/system.js';
import { sha256 } from '../base/json.js';
import { entryPoint } from '../base/folders.js';
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../onnx/onnx_pb.js';
import { unpackFixture } from '../models/huggingface/testing/fixtures.js';

/** Holds the models, which no test changes. */
let models: string;
let chat: string;
let bert: string;
beforeAll(async () => {
  models = mkdtempSync(join(tmpdir(), 'temper-engine-models-'));
  chat = await unpackFixture('llama-tied', 'optimum', join(models, 'chat'));
  bert = await unpackFixture('bert', 'optimum', join(models, 'bert'));
});
afterAll(() => rmSync(models, { recursive: true }));

let cwd: string;
let system: System;
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'temper-engine-')));
  system = new System({ folder: join(cwd, '.temper'), cwd });
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(name: string, rows: readonly object[]): string {
  writeFileSync(join(cwd, name), rows.map((row) => JSON.stringify(row)).join('\n'));
  return name;
}

const sentences = ['the cat an hour', 'in the end', 'on and on', 'a then b', 'the ant', 'another one'];
const conversations = (): string =>
  write(
    'chats.jsonl',
    sentences.map((content, i) => ({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: sentences[(i + 1) % sentences.length] },
      ],
    })),
  );
const labelled = (): string =>
  write(
    'labelled.jsonl',
    [0, 1, 2, 1].map((label, i) => ({ input_ids: [5 + i, 20 + label, 30], label })),
  );

function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function read(name: string): string {
  return readFileSync(join(cwd, name), 'utf8');
}

function contents(folder: string): Record<string, string> {
  const entries = readdirSync(join(cwd, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    files.sort().map((file) => [file.slice(join(cwd, folder).length), sha256(readFileSync(file))]),
  );
}

function expectDone(ran: Ran): Ran {
  expect(ran.stderr).not.toMatch(/^\s+at /m);
  expect(ran.code, ran.stderr).toBe(0);
  return ran;
}

/** A message and not a stack, and the exit code of a mistake. */
function expectMistake(ran: Ran, ...parts: (string | RegExp)[]): void {
  for (const part of parts) expect(ran.stderr).toMatch(part);
  expect(ran.stderr).not.toMatch(/^\s+at /m);
  expect(ran.code).toBe(2);
}

describe('on conversations', () => {
  const settings = ['--lora-rank', '4', '--batch-size', '2', '--lr', '0.01', '--merge'];

  it('adapters are trained, logged, and read back by predict', async () => {
    const data = conversations();
    const ran = expectDone(
      await system.run(
        'finetune',
        chat,
        '--data',
        data,
        '--out',
        'out',
        '--log',
        'log.jsonl',
        '--epochs',
        '4',
        ...settings,
        '--json',
      ),
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ out: join(cwd, 'out'), steps: 12 });
    expect(ran.stderr).toMatch(/step 12\/12, loss \d+\.\d+, .* left/);
    const log = lines(read('log.jsonl'));
    expect(log.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(Object.keys(log[0]!)).toEqual(['step', 'loss', 'grad_norm', 'learning_rate']);
    expect(Number(log.at(-1)!['loss'])).toBeLessThan(Number(log[0]!['loss']));

    const adapted = expectDone(await system.run('predict', chat, '--adapter', 'out', '--data', data));
    const merged = expectDone(await system.run('predict', 'out', '--data', data));
    const [first, second] = [lines(adapted.stdout), lines(merged.stdout)].map((rows) =>
      rows.map(({ logprobs }) => logprobs as (number | null)[]),
    );
    expect(first!.length).toBe(sentences.length);
    first!.forEach((row, i) =>
      row.forEach((value, t) =>
        value === null ? expect(second![i]![t]).toBeNull() : expect(second![i]![t]).toBeCloseTo(value, 4),
      ),
    );
  });

  it('Ctrl-C writes a checkpoint, and the same command goes on to the same bytes', async () => {
    const data = conversations();
    const command = (out: string) => [
      'finetune',
      chat,
      '--data',
      data,
      '--out',
      out,
      '--log',
      `${out}.jsonl`,
      '--steps',
      '400',
      '--checkpoint-steps',
      '5',
      ...settings,
    ];
    const cut = system.start(...command('cut'));
    await cut.printed('step ');
    cut.kill('SIGINT');
    const stopped = await cut.ended;
    expect(stopped.stderr).toMatch(/stopped after step \d+ of 400\. The same command goes on from there\./);
    expect(stopped.code).toBe(130);
    const again = system.start(...command('cut'));
    await again.printed('step ');
    again.kill('SIGKILL');
    await again.ended;
    const on = expectDone(await system.run(...command('cut')));
    expect(on.stderr).toMatch(/goes on after step \d+ of 400/);
    expect(expectDone(await system.run(...command('cut'))).stderr).toContain('this training is done');
    expectDone(await system.run(...command('uncut')));
    expect(contents('cut')).toEqual(contents('uncut'));
    expect(read('cut.jsonl')).toBe(read('uncut.jsonl'));
  });
});

describe('predict', () => {
  it('writes JSONL, CSV and Parquet, in the order of the rows', async () => {
    const data = labelled();
    const { stdout } = expectDone(await system.run('predict', bert, '--data', data));
    const rows = lines(stdout);
    expect(rows.length).toBe(4);
    for (const out of ['out.jsonl', 'out.csv', 'out.parquet'])
      expectDone(await system.run('predict', bert, '--data', data, '--out', out));
    expect(read('out.jsonl')).toBe(stdout);
    const [header, first] = read('out.csv').split('\n');
    expect(header).toBe('label,probabilities');
    expect(first).toBe(`${rows[0]!['label'] as number},"${JSON.stringify(rows[0]!['probabilities'])}"`);
    expectMistake(
      await system.run('predict', bert, '--data', data, '--out', 'out.txt'),
      /written as \.jsonl/,
    );
  });
});

describe('a mistake ends with 2 and says what to do', () => {
  it.each<[string, () => string[], (string | RegExp)[]]>([
    ['no such model', () => ['finetune', 'nowhere', '--data', labelled(), '--out', 'out'], [/nowhere/]],
    [
      'no data',
      () => ['finetune', bert, '--data', 'nowhere.jsonl', '--out', 'out'],
      [/nowhere\.jsonl: there is no such file/],
    ],
    [
      'a label outside of the classes',
      () => ['finetune', bert, '--data', write('d.jsonl', [{ input_ids: [5], label: 3 }]), '--out', 'out'],
      [/d\.jsonl, line 1: label is 3; the model has 3 classes: expected 0 to 2/],
    ],
    [
      'a row longer than the positions',
      () => [
        'finetune',
        bert,
        '--data',
        write('d.jsonl', [{ input_ids: Array.from({ length: 49 }, () => 5), label: 1 }]),
        '--out',
        'out',
      ],
      [/d\.jsonl, line 1: the row has 49 tokens, and the model's positions allow 48/, /--max-length 48/],
    ],
    [
      'ids of another tokenizer',
      () => [
        'finetune',
        bert,
        '--data',
        write('d.jsonl', [{ input_ids: [5, 700], label: 1 }]),
        '--out',
        'out',
      ],
      [/token 1 has the id 700, and the model's vocabulary has 67 ids/],
    ],
    [
      'texts for a model without a tokenizer',
      () => ['finetune', bert, '--data', write('d.jsonl', [{ text: 'a', label: 1 }]), '--out', 'out'],
      [/no tokenizer\.json/, /input_ids/],
    ],
    [
      'a flag that is no number',
      () => ['finetune', bert, '--data', labelled(), '--out', 'out', '--lr', 'fast'],
      [/--lr/, /"fast" is not a number/],
    ],
    [
      'a loss that is no number',
      () => ['finetune', bert, '--data', labelled(), '--out', 'out', '--lr', '1e30', '--steps', '9'],
      [/is (NaN|-?Infinity) at step \d/, /last good one, is kept in/, /--lr/],
    ],
  ])('%s', async (_, command, messages) => {
    expectMistake(await system.run(...command()), ...messages);
  });

  it('a tokenizer of another model', async () => {
    const model = await unpackFixture('llama-tied', 'optimum', join(cwd, 'mixed'));
    const tokenizer = JSON.parse(readFileSync(join(model, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number> };
      added_tokens: { id: number; content: string }[];
    };
    tokenizer.model.vocab['a'] = 5000;
    writeFileSync(join(model, 'tokenizer.json'), JSON.stringify(tokenizer));
    const ran = await system.run(
      'finetune',
      'mixed',
      '--data',
      write('d.jsonl', [{ text: 'a' }]),
      '--out',
      'out',
    );
    expectMistake(
      ran,
      /d\.jsonl, line 1: .* vocabulary has 67 ids.*The tokenizer beside the model has 5001/s,
    );
  });

  it('an operator that is not in the table', async () => {
    const model = await unpackFixture('bert', 'optimum', join(cwd, 'odd'));
    const file = join(model, 'onnx', 'model.onnx');
    const bytes = readFileSync(file);
    const erf = Buffer.from([0x22, 3, ...Buffer.from('Erf')]);
    bytes.write('Foo', bytes.indexOf(erf) + 2);
    writeFileSync(file, bytes);
    expectMistake(
      await system.run('finetune', 'odd', '--data', labelled(), '--out', 'out'),
      /node ".*Erf" is a Foo of ONNX's own domain, .* which Temper cannot train through: /,
    );
  });

  it('weights whose file is missing', async () => {
    const model = await unpackFixture('bert', 'optimum', join(cwd, 'apart'));
    const file = join(model, 'onnx', 'model.onnx');
    const proto = fromBinary(ModelProtoSchema, readFileSync(file));
    const weight = proto.graph!.initializer.find(({ dims }) => dims.length === 2)!;
    clearField(weight, TensorProtoSchema.field.rawData);
    weight.dataLocation = TensorProto_DataLocation.EXTERNAL;
    weight.externalData = [
      create(StringStringEntryProtoSchema, { key: 'location', value: 'model.onnx_data' }),
    ];
    writeFileSync(file, toBinary(ModelProtoSchema, proto));
    expectMistake(
      await system.run('finetune', 'apart', '--data', labelled(), '--out', 'out'),
      /model\.onnx_data, which is missing: put model\.onnx_data beside/,
    );
  });

  it('an ONNX file that is cut off', async () => {
    const model = await unpackFixture('bert', 'optimum', join(cwd, 'cut'));
    const file = join(model, 'onnx', 'model.onnx');
    writeFileSync(file, readFileSync(file).subarray(0, 30_000));
    expectMistake(await system.run('finetune', 'cut', '--data', labelled(), '--out', 'out'), /model\.onnx/);
    expectMistake(await system.run('predict', 'cut', '--data', labelled()), /model\.onnx/);
  });
});

it.runIf(process.platform === 'linux')('memory that runs out: batch and sizes, and what helps', () => {
  const data = write(
    'long.jsonl',
    Array.from({ length: 4096 }, (_, i) => ({
      input_ids: Array.from({ length: 48 }, (__, j) => 5 + ((i + j) % 60)),
      label: i % 3,
    })),
  );
  // A limit on what a process may write to is met as a machine's own would be.
  const limited = `ulimit -d 1500000; exec "$0" "$@"`;
  const args = [
    entryPoint('cli/main'),
    'finetune',
    bert,
    '--data',
    data,
    '--out',
    'out',
    '--batch-size',
    '4096',
    '--steps',
    '1',
  ];
  const ran = spawnSync('sh', ['-c', limited, process.execPath, ...args], { cwd, encoding: 'utf8' });
  expect(ran.stderr).toMatch(/not enough memory for a training step on 4096 rows of 48 tokens/);
  expect(ran.stderr).toMatch(/--batch-size 2048 --gradient-accumulation 2/);
  expect(ran.status).toBe(3);
});
