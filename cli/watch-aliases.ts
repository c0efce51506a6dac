// Keeps the aliases of flags and of a watched file as they are now. What is wrong in the file changes nothing. Knows no
// requests.
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Aliases } from '../gateway/api/aliases.ts';
import { formatAliases, mergeAliases, parseAliasFile, parseAliasFlags } from './aliases.ts';
import type { NamedModel } from './models.ts';

/** A file counts when it was found the same twice: it may be read while it is being written. Milliseconds. */
const LOOK_EVERY = 500;

export interface WatchAliasesOptions {
  /** Each as `--alias` is written. */
  alias?: readonly string[];
  /** Path of the file. */
  aliases?: string;
  /** Those that are served. */
  models: readonly Pick<NamedModel, 'id'>[];
  log: Pick<Logger, 'info' | 'error'>;
  everyMs?: number;
}

export interface WatchedAliases {
  current(): Aliases;
  stop(): void;
}

/** Rejects where flags or file are wrong at the start. */
export async function watchAliases({
  alias = [],
  aliases: file,
  models: served,
  log,
  everyMs = LOOK_EVERY,
}: WatchAliasesOptions): Promise<WatchedAliases> {
  const models = served.map(({ id }) => id);
  const fixed = parseAliasFlags(alias, { models, from: '--alias' });
  if (file === undefined) return { current: () => fixed, stop() {} };
  const parse = (text: string) => mergeAliases(fixed, parseAliasFile(text, { models, from: file }));
  let used = await readFile(file, 'utf8');
  let current = parse(used);
  let last = used;
  let failed = '';
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    const text = await readFile(file, 'utf8');
    const settled = text === last;
    last = text;
    if (!settled || text === used || stopped) return;
    current = parse(text);
    used = text;
    log.info(`aliases have changed: ${formatAliases(current)}`);
  };
  const turn = async () => {
    try {
      await look();
      failed = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== failed) log.error(`${message}; the aliases stay as they were`);
      failed = message;
    }
  };
  const again = () => {
    if (!stopped) timer = setTimeout(() => void turn().then(again), everyMs);
    timer?.unref();
  };
  again();
  return {
    current: () => current,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
