// The current aliases of models, from flags and from a watched file.
import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import type { Aliases } from '../../gateway/api/endpoints/aliases.ts';
import { type Watched, watchFile } from '../../infra/discovery/watch-file.ts';
import { formatAliases, mergeAliases, parseAliasFile, parseAliasFlags } from '../flags/aliases.ts';
import { UsageError } from '../flags/flags.ts';
import type { NamedModel } from '../flags/models.ts';

interface WatchAliasesOptions {
  /** Values of `--alias`. */
  alias?: readonly string[];
  /** Path of the file: `--aliases`. */
  aliases?: string;
  /** Models of the gateway. */
  models: readonly Pick<NamedModel, 'id'>[];
  log: Pick<Logger, 'info' | 'error'>;
  /** Interval of reads of the file. */
  everyMs?: number;
}

/** Rejects if the file is wrong, and with a UsageError if the flags are wrong. Later errors of the file are logged. */
export async function watchAliases({
  alias = [],
  aliases: path,
  models: served,
  ...rest
}: WatchAliasesOptions): Promise<Watched<Aliases>> {
  const models = served.map(({ id }) => id);
  let fixed: Aliases;
  try {
    fixed = parseAliasFlags(alias, { models, from: '--alias' });
  } catch (cause) {
    throw new UsageError(errorText(cause), { cause });
  }
  if (path === undefined) return { current: () => fixed, failing: () => false, stop() {} };
  const parse = (text: string) => mergeAliases(fixed, parseAliasFile(text, { models, from: path }));
  return await watchFile({ ...rest, path, parse, what: 'aliases', format: formatAliases });
}
