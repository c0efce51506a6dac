// The command lines of the processes of a cell. Each begins with the verb.
import type { Cell, Gpu, Group } from './cell-spec.ts';
import {
  dnsName,
  GATEWAY_METRICS_PORT,
  GATEWAY_PORT,
  gatewayPeersName,
  groupName,
  MOUNTS,
  SHARD_METRICS_PORT,
  SHARD_PORT,
  shardsName,
  TRANSFER_PORT,
} from './names.ts';
import { sourceOf } from './parse-cell.ts';

const EVERY_ADDRESS = '0.0.0.0';
/** Names that a shard accepts without --tls-peers. */
export const CALLERS = ['gateway', 'gateway-*', 'gateway.*', 'admin', 'admin-*', 'admin.*'];

export function shardArguments(cell: Cell, group: Group): string[] {
  const { zone } = cell;
  return [
    'shard',
    ...given('--model', modelOfShard(cell, group)),
    ...given('--experts', group.experts),
    // Kubernetes replaces this by the variable, whose value is the name of the pod.
    ...given('--name', '$(POD_NAME)'),
    ...given('--zone', zone),
    ...given('--state', keepsState(cell, group) ? MOUNTS.state : undefined),
    ...deviceArguments(group),
    ...given('--host', EVERY_ADDRESS),
    ...given('--port', SHARD_PORT),
    ...given('--metrics-host', EVERY_ADDRESS),
    ...given('--metrics-port', SHARD_METRICS_PORT),
    ...credentialArguments(cell),
    ...given('--tls-peers', callersOfShards(cell)),
  ];
}

export function gatewayArguments(cell: Cell): string[] {
  const { gateways, zone } = cell;
  const { edgeSecret, edgeOnly, apiKeysSecret, kvMemoryMiB, answerMemoryMiB, graceSeconds } = gateways;
  return [
    'gateway',
    ...given('--model', modelOfGateway(cell)),
    ...given('--shards-dns', `${dnsName(cell, shardsName(cell))}:${SHARD_PORT}`),
    ...peerArguments(cell),
    ...given('--zone', zone),
    ...deviceArguments(gateways),
    // Without these, the gateway would take the memory of the node for its own.
    ...given('--kv-memory', `${kvMemoryMiB}MiB`),
    ...given('--answer-memory', `${answerMemoryMiB}MiB`),
    ...given('--grace', graceSeconds),
    ...given('--host', EVERY_ADDRESS),
    ...given('--port', GATEWAY_PORT),
    ...given('--metrics-host', EVERY_ADDRESS),
    ...given('--metrics-port', GATEWAY_METRICS_PORT),
    ...given('--api-keys', apiKeysSecret && `${MOUNTS.keys}/api-keys`),
    ...given('--edge-secret-file', edgeSecret && `${MOUNTS.edge}/edge-secret`),
    ...(edgeOnly ? ['--edge-only'] : []),
    ...credentialArguments(cell),
  ];
}

/** Whether shards fetch experts from other shards. */
export function hasPeerSources(cell: Cell): boolean {
  return cell.groups.some((group) => sourceOf(cell, group).from === 'shard');
}

/** Whether a shard keeps fetched experts in a directory. */
export function keepsState(cell: Cell, group: Group): boolean {
  return sourceOf(cell, group).from !== 'directory';
}

/** A flag and its value, or nothing without a value. */
function given(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, `${value}`];
}

function modelDirectory({ directory, bundle }: Cell): string {
  return directory.from === 'claim' ? `${directory.path}/${bundle.name}` : directory.path;
}

function modelOfGateway(cell: Cell): string {
  const path = modelDirectory(cell);
  return path === cell.bundle.name ? path : `${cell.bundle.name}=${path}`;
}

function modelOfShard(cell: Cell, group: Group): string {
  const source = sourceOf(cell, group);
  switch (source.from) {
    case 'directory':
      return modelDirectory(cell);
    case 'https':
      return source.url;
    case 'shard': {
      const pod = `${groupName(cell, { name: source.group })}-0`;
      return `shard://${pod}.${dnsName(cell, shardsName(cell))}:${SHARD_PORT}/`;
    }
  }
}

function peerArguments(cell: Cell): string[] {
  if (!cell.gateways.peers) return [];
  return [
    ...given('--peers-dns', `${dnsName(cell, gatewayPeersName(cell))}:${GATEWAY_PORT}`),
    ...given('--transfer-port', TRANSFER_PORT),
  ];
}

/** A process would otherwise start a thread for each core of the node. */
function deviceArguments({ cpu, gpu }: { cpu: number; gpu?: Gpu | undefined }): string[] {
  return [...given('--device', gpu?.device), ...given('--threads', Math.max(1, Math.floor(cpu)))];
}

/** Shards that fetch from other shards call them with their own certificates, which have the name of the Service. */
function callersOfShards(cell: Cell): string | undefined {
  if (cell.security.tls === undefined || !hasPeerSources(cell)) return undefined;
  return [...CALLERS, dnsName(cell, shardsName(cell))].join(',');
}

function credentialArguments({ security: { tls, sharedSecret } }: Cell): string[] {
  const files = tls && [
    ...given('--tls-cert', `${MOUNTS.tls}/tls.crt`),
    ...given('--tls-key', `${MOUNTS.tls}/tls.key`),
    ...given('--tls-ca', `${MOUNTS.tls}/ca.crt`),
  ];
  return [...(files ?? []), ...given('--secret-file', sharedSecret && `${MOUNTS.secret}/secret`)];
}
