// Checks that a grown config.json describes exactly the model that growth intends. A layout may be unable to express it.
import { isDeepStrictEqual } from 'node:util';
import { parseConfig } from '../config/config.ts';
import { show } from '../config/config-fields.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { InputError } from '../errors.ts';
import type { Json } from './growth.ts';

/** Throws an InputError that names `file`, the source's config.json, and the property that the layout cannot express. */
export function requireConfig(json: Json, intended: ModelConfig, file: string): void {
  const { qkNorm } = intended;
  const parsed: ModelConfig = { ...parseConfig(json, `${file} (grown)`), qkNorm };
  const names = new Set([...Object.keys(parsed), ...Object.keys(intended)]) as Set<keyof ModelConfig>;
  for (const name of names) {
    if (isDeepStrictEqual(parsed[name], intended[name])) continue;
    throw new InputError(
      `${file}: the layout ${intended.layout} cannot express the grown model: its ${name} would be ` +
        `${show(parsed[name])}, and must be ${show(intended[name])}`,
    );
  }
}
