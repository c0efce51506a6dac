// Names, labels, ports and paths that several objects of a cell must agree on.
import type { Cell, Group } from './cell-spec.ts';

export const SHARD_PORT = 7001;
export const TRANSFER_PORT = 7002;
export const GATEWAY_PORT = 8080;
export const GATEWAY_METRICS_PORT = 9101;
export const SHARD_METRICS_PORT = 9102;

/** Names of ports: `rows` of the expert plane, `http` of the API. */
export const PORTS = { rows: 'rows', transfer: 'transfer', http: 'http', metrics: 'metrics' } as const;

export const GROUP_LABEL = 'expertgrid/group';
/** The label by which an endpoint picker chooses the metrics that it reads. */
export const ENGINE_LABEL = 'inference.networking.k8s.io/engine-type';
export const ENGINE = 'expertgrid';

/** Directories in the container. */
export const MOUNTS = {
  tls: '/etc/expertgrid/tls',
  secret: '/etc/expertgrid/secret',
  edge: '/etc/expertgrid/edge',
  keys: '/etc/expertgrid/keys',
  state: '/state',
  scratch: '/tmp',
} as const;

export type Labels = Record<string, string>;

/** The labels of all objects of a cell. */
export function cellLabels({ name }: Cell): Labels {
  return { 'app.kubernetes.io/name': 'expertgrid', 'app.kubernetes.io/instance': name };
}

export function gatewayLabels(cell: Cell): Labels {
  return { ...cellLabels(cell), 'app.kubernetes.io/component': 'gateway' };
}

export function shardLabels(cell: Cell): Labels {
  return { ...cellLabels(cell), 'app.kubernetes.io/component': 'shard' };
}

export function groupLabels(cell: Cell, { name }: Group): Labels {
  return { ...shardLabels(cell), [GROUP_LABEL]: name };
}

/** The Service through which clients call the gateways. */
export function gatewayName({ name }: Cell): string {
  return `${name}-gateway`;
}

/** The headless Service with the address of each gateway. */
export function gatewayPeersName({ name }: Cell): string {
  return `${name}-gateways`;
}

/** The headless Service with the address of each shard. */
export function shardsName({ name }: Cell): string {
  return `${name}-shards`;
}

export function groupName(cell: Cell, { name }: Pick<Group, 'name'>): string {
  return `${shardsName(cell)}-${name}`;
}

export function dnsName({ namespace }: Cell, service: string): string {
  return `${service}.${namespace}.svc`;
}
