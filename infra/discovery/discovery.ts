// Finds the addresses of a gateway's shards or peers, and polls DNS or a file for changes.
import { lookup, resolveSrv } from 'node:dns/promises';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';
import { formatAddress, parseAddress } from '../../rpc/address.ts';
import { callable, changesOf, parseShardsFile, type ShardSource } from './shard-source.ts';

const DNS_EVERY_MS = 2_000;
const FILE_EVERY_MS = 500;
/**
 * How long an address stays in use after the last answer of DNS that had it. The DNS servers of a cluster keep answers for up to 30 s,
 * each its own, so that old and new answers alternate after a change.
 */
const DNS_KEEP_MS = 45_000;
/** Larger files of addresses are refused. */
const LARGEST_FILE_BYTES = 1024 * 1024;

export interface NameService {
  /** A and AAAA records, from the machine's resolver. */
  addresses(name: string): Promise<string[]>;
  /** SRV records. */
  services(name: string): Promise<{ name: string; port: number }[]>;
}

export interface DiscoverOptions {
  log: (level: 'info' | 'warn', message: string) => void;
  names?: NameService;
  /** Default: 2 s for DNS, 0.5 s for a file. */
  everyMs?: number;
  /** How long an address stays in use that is missing in the answers of DNS. Default: 45 s. A file is always believed at once. */
  keepMs?: number;
  /** What the log calls the processes at these addresses. Default: `shards`. */
  what?: 'shards' | 'gateways';
  /** Called with true when the source cannot be used, and with false when it can be used again. */
  onFailing?: (failing: boolean) => void;
}

export interface Discovery {
  /** The addresses from the last successful lookup or read. */
  readonly addresses: readonly string[];
  /** Calls `onChange` after every change from now on. */
  follow(onChange: (addresses: readonly string[]) => void): void;
  stop(): void;
}

const systemNames: NameService = {
  async addresses(name) {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  },
  services: resolveSrv,
};

/**
 * Rejects if a file is malformed or missing at the start. After any other failure, the known addresses stay in use; if DNS fails
 * at the start, there are no addresses yet. Each new error is logged once.
 */
export async function discover(
  source: ShardSource,
  {
    log,
    names = systemNames,
    everyMs,
    keepMs = DNS_KEEP_MS,
    what = 'shards',
    onFailing = () => {},
  }: DiscoverOptions,
): Promise<Discovery> {
  if ('addresses' in source) return fixed(source.addresses);
  if ('file' in source) {
    const read = async () =>
      (await readRegularFile(source.file, { mostBytes: LARGEST_FILE_BYTES })).toString();
    const look = settled(read, source.file);
    const first = parseShardsFile(await read(), source.file);
    return poll({ first, look, everyMs: everyMs ?? FILE_EVERY_MS, log, what, onFailing });
  }
  const look = keeping(
    lookUps(source.dns, names, (message) => log('warn', message)),
    keepMs,
  );
  let failed = '';
  const first = await look().catch((error: Error) => {
    failed = error.message;
    onFailing(true);
    log('warn', `${failed}; it is looked up again and again`);
    return [];
  });
  return poll({ first, failed, look, everyMs: everyMs ?? DNS_EVERY_MS, log, what, onFailing });
}

function fixed(addresses: readonly string[]): Discovery {
  return { addresses, follow() {}, stop() {} };
}

/** Each call of the returned function looks up the addresses, and logs the unusable ones if they have changed. */
function lookUps(dns: string, names: NameService, warn: (message: string) => void): () => Promise<string[]> {
  let told = '';
  return async () => {
    const found = await askFor(dns, names).catch((cause: NodeJS.ErrnoException) => {
      throw new Error(`looking up ${dns} failed: ${cause.code ?? cause.message}`, { cause });
    });
    const { addresses, left } = callable(found, dns);
    if (left !== '' && left !== told) warn(left);
    told = left;
    if (addresses.length === 0) throw new Error(`looking up ${dns} gave no address`);
    return addresses;
  };
}

/** Adds the addresses that an answer of the last `keepMs` had. */
function keeping(look: () => Promise<string[]>, keepMs: number): () => Promise<string[]> {
  const seen = new Map<string, number>();
  return async () => {
    const found = await look();
    const now = performance.now();
    for (const [address, at] of seen) if (now - at > keepMs) seen.delete(address);
    for (const address of found) seen.set(address, now);
    return [...seen.keys()].toSorted();
  };
}

async function askFor(dns: string, names: NameService): Promise<string[]> {
  if (dns.startsWith('_')) {
    return (await names.services(dns)).map(({ name, port }) => formatAddress({ host: name, port }));
  }
  const { host, port } = parseAddress(dns);
  return (await names.addresses(host)).map((address) => formatAddress({ host: address, port }));
}

/** Resolves to undefined unless two consecutive reads gave the same text, because a file may be read while it is being written. */
function settled(read: () => Promise<string>, name: string): () => Promise<string[] | undefined> {
  let last: string | undefined;
  return async () => {
    const text = await read();
    const same = text === last;
    last = text;
    return same ? parseShardsFile(text, name) : undefined;
  };
}

interface PollOptions extends Required<Pick<DiscoverOptions, 'log' | 'what' | 'onFailing'>> {
  first: readonly string[];
  /** The error of the first look, which is already logged; empty if there was none. */
  failed?: string;
  /** Resolves to undefined if another process may still be writing the file. */
  look: () => Promise<readonly string[] | undefined>;
  everyMs: number;
}

function poll({ first, failed: atFirst = '', look, everyMs, log, what, onFailing }: PollOptions): Discovery {
  let addresses = first;
  let onChange: (addresses: readonly string[]) => void = () => {};
  let failed = atFirst;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const again = () => {
    if (!stopped) timer = setTimeout(() => void turn().finally(again), everyMs);
    timer?.unref();
  };
  async function turn(): Promise<void> {
    try {
      const found = await look();
      if (found === undefined || stopped) return;
      if (failed !== '') onFailing(false);
      failed = '';
      use(found);
    } catch (error) {
      const message = errorText(error);
      if (message !== failed) log('warn', `${message}; the known ${what} stay in use`);
      onFailing(true);
      failed = message;
    }
  }
  function use(found: readonly string[]): void {
    const changes = changesOf(addresses, found);
    if (changes === undefined) return;
    addresses = found;
    const told = [...changes.added.map((each) => `+${each}`), ...changes.removed.map((each) => `-${each}`)];
    log('info', `${what} have changed: ${told.join(' ')}`);
    onChange(found);
  }
  again();
  return {
    get addresses() {
      return addresses;
    },
    follow(listener) {
      onChange = listener;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
