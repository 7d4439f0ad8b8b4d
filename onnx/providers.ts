/** @file What is known of ONNX Runtime 1.30's devices, operator by operator: where each of them has no kernel. */
import type { DeviceKind } from './device.js';
import { type Composite, isComposite, type Operator } from './graph.js';
import { lowerings } from './lowering.js';

/** What a device is known not to do, by ONNX's names of operators. */
interface ProviderFacts {
  /** How this is known. */
  readonly source: string;
  /** ONNX Runtime runs these on the CPU, and carries their tensors there and back. */
  readonly onCpu: readonly string[];
  /** Sizes, bounds and the like, which ONNX Runtime keeps on the CPU on every device: constants, mostly. */
  readonly sizes: readonly string[];
  /** Nobody has looked. */
  readonly unknown: readonly string[];
  /** What else to know. */
  readonly notes: Readonly<Record<string, string>>;
}

const integers = ['BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor'];
const sizes = ['Range', 'Shape', 'Size'];

/** One table of what devices cannot do; onnx/lowering.ts is what is done about it. */
export const providers: Readonly<Record<DeviceKind, ProviderFacts>> = {
  cpu: {
    source: 'every test runs on it',
    onCpu: [],
    sizes: [],
    unknown: [],
    notes: {
      ScatterND:
        'sums of repeated indices depend on threads: they are written by ScatterElements, one after the other',
    },
  },
  webgpu: {
    source: 'profiles of float32 graphs run on SwiftShader',
    onCpu: [
      ...[
        'Celu',
        'Dropout',
        'FusedMatMul',
        'Hardmax',
        'IsInf',
        'IsNaN',
        'LogSoftmax',
        'Mean',
        'Mod',
        'OneHot',
        'Or',
      ],
      ...['Round', 'Selu', 'Shrink', 'Sign', 'Softsign', 'Sum', 'Xor'],
    ],
    sizes,
    unknown: [...integers, 'GatherBlockQuantized', 'MatMulInteger'],
    notes: {
      Concat: 'where it has more than seven parts',
      Split: 'where it has more than seven parts',
      ScatterElements: 'adds in no fixed order',
      SimplifiedLayerNormalization: 'its second output is wrong there, and not used',
    },
  },
  cuda: {
    source: "ONNX Runtime's list of kernels, not executed",
    onCpu: [
      ...integers,
      'Acos',
      'Acosh',
      'Asin',
      'Asinh',
      'Atan',
      'Atanh',
      'Cosh',
      'Hardmax',
      'LpNormalization',
      'Mean',
      'Sinh',
      'Tan',
    ],
    sizes,
    unknown: [],
    notes: {
      ScatterElements: 'assume that it adds in no fixed order',
      MatMulInteger: 'int8 only',
    },
  },
};

/** Where an entry of the operator table runs when it is asked to run on a device, in a few words. */
export function supportOf(entry: Operator | Composite, kind: DeviceKind): string {
  if (kind in lowerings && entry.name in lowerings[kind]) {
    const when = providers[kind].notes[entry.name];
    return when === undefined ? 'put otherwise' : `put otherwise ${when}`;
  }
  if (isComposite(entry)) return 'as its parts';
  const { onCpu, sizes: onHost, unknown, notes } = providers[kind];
  const { type } = entry;
  const place =
    onCpu.includes(type) || onHost.includes(type)
      ? 'on the CPU'
      : unknown.includes(type)
        ? 'not tried'
        : 'yes';
  const note = notes[type];
  return note === undefined ? place : `${place}; ${note}`;
}
