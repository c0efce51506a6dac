// Finds a tensor whose weights are quantised among the tensors of a checkpoint. Pure.
import { tensorError } from '../errors.ts';
import { awqForm } from './forms/awq.ts';
import { bytesForm } from './forms/bytes.ts';
import { gptqForm } from './forms/gptq.ts';
import { mxfp4Form } from './forms/mxfp4.ts';
import { packedForm } from './forms/packed.ts';
import type { FindStored, QuantisedTensor, StoredParts, StoredTensor } from './forms/stored.ts';
import type { Quantisation, Scheme } from './settings/scheme.ts';

type Forms = {
  [F in Scheme['form']]: {
    /** The name of the tensor that has the codes. */
    codes(parts: StoredParts): string;
    read(parts: StoredParts, codes: StoredTensor, scheme: Extract<Scheme, { form: F }>): QuantisedTensor;
  };
};

const forms: Forms = {
  bytes: { codes: ({ name }) => name, read: bytesForm },
  packed: { codes: ({ name }) => `${name}_packed`, read: packedForm },
  awq: { codes: ({ module }) => `${module}.qweight`, read: awqForm },
  gptq: { codes: ({ module }) => `${module}.qweight`, read: gptqForm },
  mxfp4: { codes: ({ name }) => `${name}_blocks`, read: mxfp4Form },
};

const WEIGHT = '.weight';

/** Types of weights that need scales. */
const codeDtypes: readonly string[] = ['F8_E4M3', 'F8_E5M2', 'I8'];

/** Ends of the names of tensors that stand beside codes or hold them. After `.weight`, or after the name of a stack. */
const tensorSuffixes = [
  '_packed',
  '_blocks',
  '_scale_inv',
  '_scale',
  '_scales',
  '_zero_point',
  '_g_idx',
  '_shape',
];
/** The same, after the name of a module. */
const moduleSuffixes = ['.qweight', '.qzeros', '.scales', '.g_idx'];

/**
 * Tensors of a quantised module that do not change its weights: the scales of its quantised inputs and outputs, and of the cache.
 * Inputs and the cache are not quantised here as the checkpoint's own engine does, so that answers are more exact.
 */
const unused = /\.(input_scale|input_zero_point|output_scale|k_scale|v_scale|input_global_scale)$/;

/** Whether the tensor belongs to the quantisation of inputs, outputs or the cache. */
export function isUnusedScale(name: string): boolean {
  return unused.test(name);
}

/**
 * The tensor that the checkpoint's model class calls `name`, if it is quantised; undefined if it is plain or missing. Throws an
 * InputError that names file and tensor if the stored tensors contradict each other or the config.
 */
export function findQuantised(
  quantisation: Quantisation | undefined,
  name: string,
  find: FindStored,
): QuantisedTensor | undefined {
  const module = name.endsWith(WEIGHT) ? name.slice(0, -WEIGHT.length) : name;
  const parts: StoredParts = { name, module, find };
  const sign = signOf(parts);
  if (sign === undefined) return undefined;
  if (quantisation === undefined) {
    throw tensorError(sign.path, sign.name, 'is quantised, but config.json has no quantization_config');
  }
  const scheme = quantisation.schemeOf(module);
  if (scheme === undefined) {
    const problem = `is quantised, though quantization_config leaves the module ${module} in floats`;
    throw tensorError(sign.path, sign.name, problem);
  }
  return readForm(parts, scheme, sign, quantisation.method);
}

/** A stored tensor that shows that the tensor is quantised. */
function signOf({ name, module, find }: StoredParts): StoredTensor | undefined {
  const own = find(name);
  if (own !== undefined && codeDtypes.includes(own.dtype)) return own;
  const besides = [
    ...tensorSuffixes.map((suffix) => name + suffix),
    ...moduleSuffixes.map((suffix) => module + suffix),
  ];
  return besides.map(find).find((tensor) => tensor !== undefined);
}

function readForm(parts: StoredParts, scheme: Scheme, sign: StoredTensor, method: string): QuantisedTensor {
  const form = forms[scheme.form] as Forms[Scheme['form']] & { read(...args: unknown[]): QuantisedTensor };
  const codesName = form.codes(parts);
  const codes = parts.find(codesName);
  if (codes !== undefined) return form.read(parts, codes, scheme);
  throw tensorError(
    sign.path,
    codesName,
    `is missing, though there is ${sign.name} and config.json says ${method}`,
  );
}
