// Where a gateway's shards are named: the flags, the lines of a file, and what changed from one answer to the next. Pure.
import { formatAddress, parseAddress } from '../rpc/address.ts';

export type ShardSource =
  /** For good. */
  | { addresses: readonly string[] }
  /** `NAME:PORT`: every address of the name; or an SRV name, which begins with `_` and brings its ports. */
  | { dns: string }
  /** A file with an address a line. */
  | { file: string };

export interface ShardSourceFlags {
  shards?: readonly string[];
  shardsDns?: string;
  shardsFile?: string;
}

export interface PeerFlags {
  peers?: readonly string[];
  peersDns?: string;
}

/** Throws where not exactly one is given, or it is malformed. */
export function shardSource({ shards, shardsDns, shardsFile }: ShardSourceFlags): ShardSource {
  const given: ShardSource[] = [];
  if (shards !== undefined) given.push({ addresses: shards.map(normal) });
  if (shardsDns !== undefined) given.push({ dns: parseDnsName(shardsDns, '--shards-dns') });
  if (shardsFile !== undefined) given.push({ file: shardsFile });
  const [source, ...more] = given;
  if (source !== undefined && more.length === 0) return source;
  const wrong = source === undefined ? 'one is required' : 'they exclude each other';
  throw new Error(`--shards, --shards-dns, --shards-file: ${wrong}`);
}

/** The other gateways are found as shards are; undefined where none are named. */
export function peerSource({ peers, peersDns }: PeerFlags): ShardSource | undefined {
  if (peers !== undefined && peersDns !== undefined)
    throw new Error('--peers, --peers-dns: they exclude each other');
  if (peers !== undefined) return { addresses: peers.map(normal) };
  return peersDns === undefined ? undefined : { dns: parseDnsName(peersDns, '--peers-dns') };
}

function parseDnsName(text: string, flag: string): string {
  if (/^_[\w.-]+$/.test(text)) return text;
  const { host, port } = parseAddress(text);
  if (port === 0) throw new Error(`${flag} ${text}: port 0 is none that can be called`);
  return `${host}:${port}`;
}

/** `name` stands for the file in errors; `#` begins a comment. Throws, naming the line, also where no shard is named. */
export function parseShardsFile(text: string, name: string): string[] {
  const addresses = text.split('\n').flatMap((line, index) => {
    const address = line.replace(/#.*/, '').trim();
    if (address === '') return [];
    try {
      return [normal(address)];
    } catch (cause) {
      throw new Error(
        `${name}: line ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  });
  if (addresses.length === 0) throw new Error(`${name}: names no shard; write one host:port a line`);
  return distinct(addresses);
}

/** Each once, in order of text: two answers that mean the same are the same. */
export function distinct(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].sort();
}

export interface Changes {
  added: string[];
  removed: string[];
}

/** Undefined where nothing has changed. */
export function changesOf(before: readonly string[], after: readonly string[]): Changes | undefined {
  const added = after.filter((address) => !before.includes(address));
  const removed = before.filter((address) => !after.includes(address));
  return added.length + removed.length > 0 ? { added, removed } : undefined;
}

function normal(address: string): string {
  return formatAddress(parseAddress(address));
}
