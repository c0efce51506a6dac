// Sound checkpoints in quantised forms, which tests break.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { quantisedForms } from '../../support/models/random-quantised.ts';
import { type Parts, parseTensors } from './break.ts';

export type Form = keyof typeof quantisedForms;

const projection = /(self_attn\..|experts\.\d+\.(gate|up|down))_proj\.weight$/;

/** A small Qwen3-MoE checkpoint whose projections are in the form. */
async function quantisedParts(fresh: () => string, form: Form): Promise<Parts> {
  const { config, parts } = quantisedForms[form];
  const { dir, json } = await writeCheckpoint(fresh(), { layers: 1, experts: 2, inner: 32 });
  const tensors = parseTensors(await readFile(join(dir, 'model.safetensors')));
  for (const [
    name,
    {
      shape: [rows = 0, cols = 0],
    },
  ] of [...tensors]) {
    if (!projection.test(name)) continue;
    tensors.delete(name);
    const own = Object.entries(parts(rows, cols, name.length + rows));
    for (const [suffix, { dtype, shape, data }] of own)
      tensors.set(name.replace('.weight', suffix), { dtype, shape, data: Buffer.from(data) });
  }
  return { config: { ...json, quantization_config: config }, tensors };
}

/** The settings of the form with some of them changed, as fields of config.json. */
export const settings = (form: Form, changes: Record<string, unknown>) => ({
  quantization_config: { ...quantisedForms[form].config, ...changes },
});

/** Makes the checkpoint of each form once. */
export function formParts(fresh: () => string): (form: string) => Promise<Parts> {
  const known = new Map<string, Promise<Parts>>();
  return (form) => {
    if (!isForm(form)) throw new Error(`no form ${form}`);
    const parts = known.get(form) ?? quantisedParts(fresh, form);
    known.set(form, parts);
    return parts;
  };
}

function isForm(name: string): name is Form {
  return name in quantisedForms;
}

/** The projection that tests break. */
export const up = 'model.layers.0.mlp.experts.1.up_proj';
