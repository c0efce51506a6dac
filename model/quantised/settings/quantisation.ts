// Parses the `quantization_config` of a config.json.
import { type Fields, show } from '../../config/config-fields.ts';
import type { CodeBits } from '../storage.ts';
import { blockSize, parseCompressedTensors } from './compressed-tensors.ts';
import { exclusions, startPattern } from './match.ts';
import type { Quantisation, Scheme } from './scheme.ts';

/** Names of the field. llm-compressor wrote the second at first. */
const FIELDS = ['quantization_config', 'compression_config'] as const;

const methods: Readonly<Record<string, (fields: Fields) => Quantisation>> = {
  fp8: parseFp8,
  mxfp4: (fields) => excluding(fields, 'mxfp4', { form: 'mxfp4' }),
  'compressed-tensors': parseCompressedTensors,
  awq: parseAwq,
  gptq: parseGptq,
};

/** What a config.json says of its quantised weights. undefined if all weights are floats. */
export function parseQuantisation(config: Fields): Quantisation | undefined {
  const field = FIELDS.find((name) => config.has(name));
  if (field === undefined) return undefined;
  const fields = config.object(field);
  const method = fields.text(
    'quant_method',
    field === 'compression_config' ? 'compressed-tensors' : undefined,
  );
  const parse = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (parse !== undefined) return parse(fields);
  return fields.refuse(
    'quant_method',
    `"${method}" is not supported (${Object.keys(methods).join(', ')} are)`,
  );
}

/** All modules have `scheme`, except those that `modules_to_not_convert` names. */
function excluding(fields: Fields, method: string, scheme: Scheme): Quantisation {
  const isExcluded = exclusions(fields, 'modules_to_not_convert', 'ignored_layers');
  return { method, schemeOf: (module) => (isExcluded(module) ? undefined : scheme) };
}

/** Fields: `FineGrainedFP8Config` of transformers 5.24, and the config.json of DeepSeek-V3. */
function parseFp8(fields: Fields): Quantisation {
  refuseOther(fields, 'fmt', ['e4m3', 'float8_e4m3fn']);
  refuseOther(fields, 'expert_dtype', ['fp8']);
  const scheme: Scheme = { form: 'bytes', value: 'e4m3', isSymmetric: true };
  if (!fields.has('weight_block_size')) return excluding(fields, 'fp8', scheme);
  const [rows, cols] = blockSize(fields, 'weight_block_size');
  return excluding(fields, 'fp8', { ...scheme, block: { rows, cols } });
}

function refuseOther(fields: Fields, field: string, known: readonly string[]): void {
  const value = fields.raw(field);
  if (value === undefined || known.some((each) => each === value)) return;
  fields.refuse(
    field,
    `${show(value)} is not supported (${known.join(' and ')} ${known.length === 1 ? 'is' : 'are'})`,
  );
}

/** Fields: `AwqConfig` of AutoAWQ 0.2.9, under its own names and those that transformers gives them. */
function parseAwq(fields: Fields): Quantisation {
  const version = firstText(fields, ['version', 'checkpoint_format', 'format'], 'gemm').toLowerCase();
  if (version !== 'gemm') fields.refuse('version', `"${version}" is not supported ("gemm" is)`);
  const bitsField = fields.has('w_bit') ? 'w_bit' : 'bits';
  const bits = fields.count(bitsField);
  if (bits !== 4) fields.refuse(bitsField, `is ${bits}; AWQ weights of 4 bits are read`);
  const sizeField = fields.has('q_group_size') ? 'q_group_size' : 'group_size';
  return excluding(fields, 'awq', { form: 'awq', groupSize: groupSize(fields, sizeField) });
}

function firstText(fields: Fields, names: readonly string[], fallback: string): string {
  const name = names.find((each) => fields.has(each));
  return name === undefined ? fallback : fields.text(name);
}

/** -1 stands for the whole row. */
function groupSize(fields: Fields, field: string): number | 'all' {
  return fields.raw(field) === -1 ? 'all' : fields.count(field);
}

/**
 * What is added to stored zero points in each `checkpoint_format` of GPTQ. The first format stores zero points minus 1.
 * Source: `convert_gptq_v1_to_v2_format_module` of gptqmodel 7.7.
 */
const gptqFormats: Readonly<Record<string, 0 | 1>> = { gptq: 1, gptq_v2: 0 };

const gptqBits: readonly number[] = [2, 3, 4, 8] satisfies CodeBits[];

function isCodeBits(bits: number): bits is CodeBits {
  return gptqBits.includes(bits);
}

/** Fields: `GPTQConfig` of transformers 5.24, and `dynamic` of gptqmodel. */
function parseGptq(fields: Fields): Quantisation {
  if (fields.flag('is_marlin_format', false)) fields.refuse('is_marlin_format', 'true is not supported');
  const format = firstText(fields, ['checkpoint_format', 'format'], 'gptq');
  const zeroAdd = Object.hasOwn(gptqFormats, format) ? gptqFormats[format] : undefined;
  if (zeroAdd === undefined) {
    const supported = Object.keys(gptqFormats).join(', ');
    fields.refuse('checkpoint_format', `"${format}" is not supported (${supported} are)`);
  }
  const base = gptqScheme(fields, { zeroAdd });
  const rules = gptqRules(fields, base);
  return {
    method: format,
    schemeOf(module) {
      const rule = rules.find(({ pattern }) => pattern.test(module));
      return rule === undefined ? base : rule.scheme;
    },
  };
}

type GptqScheme = Extract<Scheme, { form: 'gptq' }>;

/** The scheme in `fields`, in which those of `base` may be left out. */
function gptqScheme(fields: Fields, base: Partial<GptqScheme> & Pick<GptqScheme, 'zeroAdd'>): GptqScheme {
  const bits = fields.count('bits', base.bits);
  if (!isCodeBits(bits))
    fields.refuse('bits', `is ${bits}; GPTQ weights of ${gptqBits.join(', ')} bits are read`);
  const size =
    fields.has('group_size') || base.groupSize === undefined
      ? groupSize(fields, 'group_size')
      : base.groupSize;
  const isOrdered = fields.flag('desc_act', base.isOrdered ?? false);
  return { form: 'gptq', bits, groupSize: size, isOrdered, zeroAdd: base.zeroAdd };
}

/** `dynamic` gives modules other settings, or (after `-:`) leaves them in floats. The first expression that matches counts. */
function gptqRules(fields: Fields, base: GptqScheme): { pattern: RegExp; scheme: GptqScheme | undefined }[] {
  if (!fields.has('dynamic')) return [];
  const dynamic = fields.object('dynamic');
  return dynamic.names().map((key) => {
    const isLeftOut = key.startsWith('-:');
    const pattern = startPattern(fields, 'dynamic', key.replace(/^[-+]:/, ''));
    return { pattern, scheme: isLeftOut ? undefined : gptqScheme(dynamic.object(key), base) };
  });
}
