/** @file Which of a repository's files a model needs. */
import { posix } from 'node:path';
import { UserError } from '../../../base/errors.js';
import { places, stems, type WeightChoice, weightSuffixes } from '../folder.js';

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

export interface Selection {
  readonly onnx: string;
  /** Configuration and tokenizer, and what lies beside the ONNX file under its name: `model.onnx_data`, … */
  readonly others: readonly string[];
}

/** The ONNX file that is meant: by its path or its name in `onnx/`, or as openModelFolder chooses for some weights. */
export interface OnnxChoice {
  readonly file?: string;
  readonly weights?: WeightChoice;
}

/**
 * @param paths every file of the repository, with `/`
 * @param where the repository and revision, for messages
 * @throws UserError where there is none, or not the one that is meant
 */
export function selectFiles(paths: readonly string[], choice: OnnxChoice, where: string): Selection {
  const onnx = chooseOnnx(paths, choice, where);
  const parts = paths.filter((path) => path.startsWith(`${onnx}_data`) || path.startsWith(`${onnx}.data`));
  return { onnx, others: [...paths.filter((path) => companions.has(path)), ...parts] };
}

function chooseOnnx(paths: readonly string[], { file, weights = 'fp32' }: OnnxChoice, where: string): string {
  const graphs = paths.filter((path) => path.endsWith('.onnx'));
  const name = where.replace(/@.*/, '');
  if (graphs.length === 0)
    throw new UserError(
      `${where} holds no ONNX file. Look for one that somebody has converted ` +
        `(onnx-community/${name.split('/').at(-1)}), or convert it yourself and give the folder: ` +
        `optimum-cli export onnx --model ${name} FOLDER`,
    );
  const candidates =
    file === undefined
      ? stems.flatMap((stem) =>
          places.map((place) => posix.join(place, `${stem}${weightSuffixes[weights]}.onnx`)),
        )
      : [file, `onnx/${file}`];
  const found = candidates.find((path) => graphs.includes(path));
  if (found !== undefined) return found;
  throw new UserError(
    `${where} holds no ${file ?? `ONNX file of ${weights} weights (${candidates[0]})`}. It holds: ${graphs.join(', ')}.`,
  );
}
