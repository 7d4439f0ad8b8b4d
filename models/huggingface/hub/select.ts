/** @file Which of a repository's files a model needs. */
import { UserError } from '../../../base/errors.js';

/** What is read beside the ONNX file, wherever a repository has it. */
const companions = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
]);

/** Where exporters put a model's graph, the preferred ones first. */
export const usualOnnxPaths = [
  'onnx/model.onnx',
  'model.onnx',
  'onnx/decoder_model_merged.onnx',
  'decoder_model_merged.onnx',
  'onnx/decoder_with_past_model.onnx',
  'decoder_with_past_model.onnx',
  'onnx/decoder_model.onnx',
  'decoder_model.onnx',
] as const;

export interface Selection {
  readonly onnx: string;
  /** Configuration and tokenizer, and what lies beside the ONNX file under its name: `model.onnx_data`, … */
  readonly others: readonly string[];
}

/**
 * @param paths every file of the repository, with `/`
 * @param wanted the ONNX file's path in the repository, or its name in `onnx/`; default: see {@link usualOnnxPaths}
 * @param where the repository and revision, for messages
 * @throws UserError where there is none, or none of the usual ones among several
 */
export function selectFiles(paths: readonly string[], wanted: string | undefined, where: string): Selection {
  const onnx = chooseOnnx(paths, wanted, where);
  const parts = paths.filter((path) => path.startsWith(`${onnx}_data`) || path.startsWith(`${onnx}.data`));
  return { onnx, others: [...paths.filter((path) => companions.has(path)), ...parts] };
}

function chooseOnnx(paths: readonly string[], wanted: string | undefined, where: string): string {
  const graphs = paths.filter((path) => path.endsWith('.onnx'));
  const name = where.replace(/@.*/, '');
  if (graphs.length === 0)
    throw new UserError(
      `${where} holds no ONNX file. Look for one that somebody has converted ` +
        `(onnx-community/${name.split('/').at(-1)}), or convert it yourself and give the folder: ` +
        `optimum-cli export onnx --model ${name} FOLDER`,
    );
  const listed = `It holds: ${graphs.join(', ')}.`;
  if (wanted !== undefined) {
    const found = [wanted, `onnx/${wanted}`].find((path) => graphs.includes(path));
    if (found === undefined) throw new UserError(`${where} holds no ${wanted}. ${listed}`);
    return found;
  }
  const usual = usualOnnxPaths.find((path) => graphs.includes(path));
  if (usual !== undefined) return usual;
  if (graphs.length === 1) return graphs[0] as string;
  throw new UserError(`${where} holds several ONNX files, none under the usual name. ${listed} Name one.`);
}
