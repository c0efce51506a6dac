// Parses the addresses of a gateway's shards from flags, the lines of a file, and answers of DNS, and compares two lists. Pure.
import { errorText } from '../../base/error-text.ts';
import { quoted } from '../../base/text.ts';
import { formatAddress, parseAddress } from '../../rpc/address.ts';

/** Most addresses of one gateway. Each address costs two connections for every model. */
const MOST_ADDRESSES = 1_024;

export type ShardSource =
  /** A fixed list. */
  | { addresses: readonly string[] }
  /** `NAME:PORT`: all addresses of a DNS name. A name that begins with `_` is an SRV name, whose records include the port. */
  | { dns: string }
  /** A file with one address on each line. */
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

/** Undefined if no flag is given. Throws if several are given, or if a value is malformed. */
export function shardSource({ shards, shardsDns, shardsFile }: ShardSourceFlags): ShardSource | undefined {
  const given: ShardSource[] = [];
  if (shards !== undefined) given.push({ addresses: several(shards, '--shards') });
  if (shardsDns !== undefined) given.push({ dns: parseDnsName(shardsDns, '--shards-dns') });
  if (shardsFile !== undefined) given.push({ file: shardsFile });
  const [source, ...more] = given;
  if (more.length === 0) return source;
  throw new Error('--shards, --shards-dns, --shards-file: they exclude each other');
}

/** The source of the other gateways' addresses; undefined if no flag is given. */
export function peerSource({ peers, peersDns }: PeerFlags): ShardSource | undefined {
  if (peers !== undefined && peersDns !== undefined)
    throw new Error('--peers, --peers-dns: they exclude each other');
  if (peers !== undefined) return { addresses: several(peers, '--peers') };
  return peersDns === undefined ? undefined : { dns: parseDnsName(peersDns, '--peers-dns') };
}

function parseDnsName(text: string, flag: string): string {
  if (/^_[\w.-]{1,253}$/.test(text)) return text;
  try {
    const { host, port } = parseAddress(text);
    return `${host}:${port}`;
  } catch (cause) {
    throw new Error(`${flag}: ${errorText(cause)}`, { cause });
  }
}

/** `#` begins a comment. Throws if a line is malformed, or if there is no address. The error names the file (`name`) and the line. */
export function parseShardsFile(text: string, name: string): string[] {
  const addresses = text.split('\n').flatMap((line, index) => {
    const address = line.replace(/#.*/, '').trim();
    if (address === '') return [];
    try {
      return [normal(address)];
    } catch (cause) {
      throw new Error(`${name}: line ${index + 1}: ${errorText(cause)}`);
    }
  });
  if (addresses.length === 0) throw new Error(`${name}: names no shard; write one host:port a line`);
  return notTooMany(distinct(addresses), name);
}

/** Selects the usable addresses of a lookup of `name`. `left`: a log line about the others; empty if all are usable. */
export function callable(found: readonly string[], name: string): { addresses: string[]; left: string } {
  const addresses: string[] = [];
  const wrong: string[] = [];
  for (const text of found) {
    try {
      addresses.push(normal(text));
    } catch {
      wrong.push(text); // reported below
    }
  }
  const all = distinct(addresses);
  const bad =
    wrong.length === 0 ? [] : [`${wrong.length} that cannot be called, such as ${quoted(wrong[0] ?? '')}`];
  const more =
    all.length <= MOST_ADDRESSES ? [] : [`${all.length - MOST_ADDRESSES} beyond ${MOST_ADDRESSES}`];
  const out = [...bad, ...more];
  return {
    addresses: all.slice(0, MOST_ADDRESSES),
    left: out.length === 0 ? '' : `looking up ${name} gave addresses that are left out: ${out.join(' and ')}`,
  };
}

function several(texts: readonly string[], name: string): string[] {
  return notTooMany(texts.map(normal), name);
}

function notTooMany(addresses: string[], name: string): string[] {
  if (addresses.length <= MOST_ADDRESSES) return addresses;
  throw new Error(`${name}: names ${addresses.length} addresses; ${MOST_ADDRESSES} are allowed`);
}

/** Distinct addresses, sorted so that lists of the same addresses are equal. */
export function distinct(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].sort();
}

/** Undefined if the lists have the same addresses. */
export function changesOf(
  before: readonly string[],
  after: readonly string[],
): { added: string[]; removed: string[] } | undefined {
  const added = after.filter((address) => !before.includes(address));
  const removed = before.filter((address) => !after.includes(address));
  return added.length + removed.length > 0 ? { added, removed } : undefined;
}

function normal(address: string): string {
  return formatAddress(parseAddress(address));
}
