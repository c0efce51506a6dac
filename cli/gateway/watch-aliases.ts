// The current aliases, from flags and from a watched file.

import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import type { Aliases } from '../../gateway/api/endpoints/aliases.ts';
import { type Watched, watchFile } from '../../infra/discovery/watch-file.ts';
import { formatAliases, mergeAliases, parseAliasFile, parseAliasFlags } from '../flags/aliases.ts';
import { UsageError } from '../flags/flags.ts';
import type { NamedModel } from '../flags/models.ts';

export interface WatchAliasesOptions {
  /** Each as `--alias` is written. */
  alias?: readonly string[];
  /** Path of the file. */
  aliases?: string;
  /** Models that are served. */
  models: readonly Pick<NamedModel, 'id'>[];
  log: Pick<Logger, 'info' | 'error'>;
  everyMs?: number;
}

export type WatchedAliases = Watched<Aliases>;

/** Rejects if the file is wrong at the start, and with a UsageError if the flags are wrong. */
export async function watchAliases({
  alias = [],
  aliases: path,
  models: served,
  ...rest
}: WatchAliasesOptions): Promise<WatchedAliases> {
  const models = served.map(({ id }) => id);
  const fixed = ofFlags(() => parseAliasFlags(alias, { models, from: '--alias' }));
  if (path === undefined) return { current: () => fixed, failing: () => false, stop() {} };
  const parse = (text: string) => mergeAliases(fixed, parseAliasFile(text, { models, from: path }));
  return await watchFile({ ...rest, path, parse, what: 'aliases', format: formatAliases });
}

function ofFlags(parse: () => Aliases): Aliases {
  try {
    return parse();
  } catch (cause) {
    throw new UsageError(errorText(cause), { cause });
  }
}
