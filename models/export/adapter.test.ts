import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.js';
import { toBfloat16 } from '../../onnx/half.js';
import { readSafetensors, writeSafetensors } from '../../onnx/safetensors.js';
import { adapterFolder } from '../huggingface/testing/fixtures.js';
import { adapterTensors, readAdapter, writeAdapter } from './adapter.js';

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'adapter-'))));
afterEach(() => rm(scratch, { recursive: true }));

const layer = 'model.layers.0.self_attn.q_proj';
const matrix = (rows: number, columns: number) => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, i) => i / 4),
});

/** A folder as PEFT saves it, with some settings other than usual. */
async function peftFolder(settings: object, rank = 2): Promise<string> {
  const tensors = {
    [`base_model.model.${layer}.lora_A.weight`]: matrix(rank, 8),
    [`base_model.model.${layer}.lora_B.weight`]: matrix(4, rank),
  };
  await writeFile(join(scratch, 'adapter_model.safetensors'), writeSafetensors(tensors, { format: 'pt' }));
  const config = {
    peft_type: 'LORA',
    r: 2,
    lora_alpha: 4,
    lora_dropout: 0.1,
    target_modules: ['q_proj'],
    bias: 'none',
  };
  await writeFile(join(scratch, 'adapter_config.json'), JSON.stringify({ ...config, ...settings }));
  return scratch;
}

describe('what PEFT has saved', () => {
  it('is read: layers, ranks, scales, whole heads', async () => {
    const adapter = await readAdapter(adapterFolder('bert', 'lora'));
    expect(adapter.taskType).toBe('SEQ_CLS');
    expect(adapter.modules.map(({ name }) => name)).toEqual([
      'bert.encoder.layer.0.attention.self.query',
      'bert.encoder.layer.0.attention.self.value',
      'bert.encoder.layer.1.attention.self.query',
      'bert.encoder.layer.1.attention.self.value',
    ]);
    const { rank, alpha } = adapter.config;
    expect(adapter.modules[0]).toMatchObject({ rank, alpha, scale: alpha / rank });
    expect([...adapter.saved.keys()].sort()).toEqual(['classifier.bias', 'classifier.weight']);
  });

  it('may have ranks and scales of single layers, rsLoRA, and weights of 16 bits', async () => {
    const patterns = {
      rank_pattern: { 'layers.0.self_attn.q_proj': 3 },
      alpha_pattern: { q_proj: 6 },
      use_rslora: true,
    };
    const { modules } = await readAdapter(await peftFolder(patterns, 3));
    expect(modules[0]).toMatchObject({ rank: 3, alpha: 6, scale: 6 / Math.sqrt(3) });
    const short = (rows: number, columns: number) => ({
      ...{ shape: [rows, columns], dtype: 'bfloat16' as const },
      data: toBfloat16(matrix(rows, columns).data),
    });
    const halves = {
      [`base_model.model.${layer}.lora_A.weight`]: short(2, 8),
      [`base_model.model.${layer}.lora_B.weight`]: short(4, 2),
    };
    await peftFolder({});
    await writeFile(join(scratch, 'adapter_model.safetensors'), writeSafetensors(halves));
    expect((await readAdapter(scratch)).modules[0]?.a).toEqual(matrix(2, 8));
  });

  it.each([
    [{ peft_type: 'LOHA' }, /adapter of the kind "LOHA".*merge_and_unload/],
    [{ use_dora: true }, /has "use_dora": true/],
    [{ bias: 'all' }, /has "bias": "all"/],
    [{ trainable_token_indices: [1, 2] }, /has "trainable_token_indices"/],
    [
      { init_lora_weights: 'pissa' },
      /changes the base model's weights.*path_initial_model_for_weight_conversion/,
    ],
    [{ r: 8 }, /A \[2, 8\] and B \[4, 2\], and its rank is 8/],
    [{ r: 'two' }, /"r" is to be a number, and is "two"/],
  ])('is refused with %j', async (settings, message) => {
    const reading = readAdapter(await peftFolder(settings));
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(UserError);
  });

  it('is missed where it is not', async () => {
    await expect(readAdapter(scratch)).rejects.toThrow(/adapter_config.json cannot be read/);
    await peftFolder({});
    await rm(join(scratch, 'adapter_model.safetensors'));
    await expect(readAdapter(scratch)).rejects.toThrow(/adapter_model.safetensors is missing/);
  });
});

describe('what Temper saves', () => {
  const config = { rank: 2, alpha: 4, rankStabilized: true, dropout: 0.05, targets: 'all-linear' };
  const tensors = {
    [`base_model.model.${layer}.lora_A.weight`]: matrix(2, 8),
    [`base_model.model.${layer}.lora_B.weight`]: matrix(4, 2),
  };
  const saved = new Map([['score.weight', matrix(3, 8)]]);

  it('is read back as it was', async () => {
    const folder = join(scratch, 'adapter');
    await writeAdapter(folder, {
      config,
      tensors,
      fanInFanOut: false,
      saved,
      taskType: 'SEQ_CLS',
      baseModel: 'owner/model',
    });
    const adapter = await readAdapter(folder);
    expect(adapter.config).toEqual({ ...config, targets: [layer] });
    expect(adapterTensors(adapter)).toEqual(tensors);
    expect(adapter.saved).toEqual(saved);
    expect(adapter).toMatchObject({ taskType: 'SEQ_CLS', baseModel: 'owner/model' });
    expect(adapter.modules[0]?.scale).toBeCloseTo(4 / Math.sqrt(2), 12);
  });

  it("has PEFT's names and settings", async () => {
    const folder = join(scratch, 'adapter');
    await writeAdapter(folder, { config, tensors, fanInFanOut: true, saved });
    const written = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')) as object;
    expect(written).toMatchObject({
      ...{
        peft_type: 'LORA',
        r: 2,
        lora_alpha: 4,
        lora_dropout: 0.05,
        use_rslora: true,
        fan_in_fan_out: true,
      },
      ...{ bias: 'none', target_modules: [layer], modules_to_save: ['score'], inference_mode: true },
    });
    const path = join(folder, 'adapter_model.safetensors');
    const { tensors: stored, metadata } = readSafetensors(await readFile(path), path);
    expect(metadata).toEqual({ format: 'pt' });
    expect(Object.keys(stored)).toEqual([
      `base_model.model.${layer}.lora_A.weight`,
      `base_model.model.${layer}.lora_B.weight`,
      'base_model.model.score.weight',
    ]);
  });
});
