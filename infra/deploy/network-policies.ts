// Who may connect to whom. Everything that is not listed here is refused, in both directions.
import type {
  INetworkPolicy,
  INetworkPolicyPeer,
  INetworkPolicyPort,
} from 'kubernetes-models/networking.k8s.io/v1';
import type { Cell, Outsider } from './cell-spec.ts';
import {
  GATEWAY_METRICS_PORT,
  GATEWAY_PORT,
  gatewayLabels,
  gatewayName,
  PORTS,
  SHARD_METRICS_PORT,
  SHARD_PORT,
  shardLabels,
  shardsName,
  TRANSFER_PORT,
} from './names.ts';
import { sourceOf } from './parse-cell.ts';
import { hasPeerSources } from './process-arguments.ts';

const HTTPS_PORT = 443;
const DNS_PORT = 53;
const NUMBERS = {
  gateway: {
    [PORTS.http]: GATEWAY_PORT,
    [PORTS.metrics]: GATEWAY_METRICS_PORT,
    [PORTS.transfer]: TRANSFER_PORT,
  },
  shard: { [PORTS.rows]: SHARD_PORT, [PORTS.metrics]: SHARD_METRICS_PORT },
};

type Rule = NonNullable<NonNullable<INetworkPolicy['spec']>['ingress']>[number];
type Exit = NonNullable<NonNullable<INetworkPolicy['spec']>['egress']>[number];

export function networkPolicies(cell: Cell): INetworkPolicy[] {
  return [gatewayPolicy(cell), shardPolicy(cell)];
}

function gatewayPolicy(cell: Cell): INetworkPolicy {
  const { access, gateways } = cell;
  const { http, metrics, transfer } = NUMBERS.gateway;
  const peers = gateways.peers ? [members(gatewayLabels(cell))] : [];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: gatewayName(cell), labels: gatewayLabels(cell) },
    spec: {
      podSelector: { matchLabels: gatewayLabels(cell) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        ...allow(access.callers.map(outside), [http]),
        ...allow(peers, [http, transfer]),
        ...allow(outsiders(access.prometheus), [metrics]),
        ...allow(outsiders(access.keda), [metrics]),
        // Pickers without a flag for the port of the metrics read them where they send requests.
        ...allow(outsiders(access.picker), [http, metrics]),
      ],
      egress: [
        names(),
        ...reach([members(shardLabels(cell))], [NUMBERS.shard.rows]),
        ...reach(peers, [http, transfer]),
      ],
    },
  };
}

function shardPolicy(cell: Cell): INetworkPolicy {
  const { rows, metrics } = NUMBERS.shard;
  const siblings = hasPeerSources(cell) ? [members(shardLabels(cell))] : [];
  const overHttps = cell.groups.some((group) => sourceOf(cell, group).from === 'https');
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: shardsName(cell), labels: shardLabels(cell) },
    spec: {
      podSelector: { matchLabels: shardLabels(cell) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        ...allow([members(gatewayLabels(cell)), ...siblings], [rows]),
        ...allow(outsiders(cell.access.prometheus), [metrics]),
      ],
      egress: [names(), ...reach(siblings, [rows]), ...(overHttps ? [{ ports: tcp([HTTPS_PORT]) }] : [])],
    },
  };
}

function allow(from: INetworkPolicyPeer[], ports: number[]): Rule[] {
  // An empty list would allow everybody.
  return from.length === 0 ? [] : [{ from, ports: tcp(ports) }];
}

function reach(to: INetworkPolicyPeer[], ports: number[]): Exit[] {
  return to.length === 0 ? [] : [{ to, ports: tcp(ports) }];
}

/** The cluster's DNS. Its address depends on the cluster, so only the port is given. */
function names(): Exit {
  return {
    ports: [
      { protocol: 'UDP', port: DNS_PORT },
      { protocol: 'TCP', port: DNS_PORT },
    ],
  };
}

function tcp(ports: number[]): INetworkPolicyPort[] {
  return ports.map((port) => ({ protocol: 'TCP', port }));
}

function members(matchLabels: Record<string, string>): INetworkPolicyPeer {
  return { podSelector: { matchLabels } };
}

function outsiders(each: Outsider | undefined): INetworkPolicyPeer[] {
  return each === undefined ? [] : [outside(each)];
}

function outside({ namespace, labels }: Outsider): INetworkPolicyPeer {
  return {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    podSelector: { matchLabels: labels },
  };
}
