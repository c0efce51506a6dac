// The shards of a cell: one StatefulSet for each group, and one headless Service over all of them.
import type { IStatefulSet, IStatefulSetSpec } from 'kubernetes-models/apps/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IService } from 'kubernetes-models/v1';
import { DRAIN_MS } from '../../experts/admin.ts';
import { groupBytes, shardMiB, startSeconds, stateMiB } from './bundle-sizes.ts';
import type { Cell, Group } from './cell-spec.ts';
import {
  groupLabels,
  groupName,
  MOUNTS,
  PORTS,
  SHARD_METRICS_PORT,
  SHARD_PORT,
  shardLabels,
  shardsName,
} from './names.ts';
import {
  type Mounted,
  type PodParts,
  podTemplate,
  probes,
  resources,
  secretFiles,
  spreadOver,
} from './pods.ts';
import { keepsState, shardArguments } from './process-arguments.ts';
import { isScaled } from './scaling/scaled-objects.ts';

/** After a drain, a shard writes its last answers and closes its connections. */
const CLOSING_SECONDS = 20;
/**
 * A new shard must be found by DNS, connected and validated by every gateway before the next shard is replaced. The DNS servers of a
 * cluster may give an answer for 30 s after they have got it, which is the default of CoreDNS.
 */
const MIN_READY_SECONDS = 45;

/** Its name has the addresses of all shards, also of those that are loading: gateways decide themselves which they call. */
export function shardsService(cell: Cell): IService {
  const labels = shardLabels(cell);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: shardsName(cell), labels },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: labels,
      ports: [
        { name: PORTS.rows, port: SHARD_PORT, targetPort: PORTS.rows },
        { name: PORTS.metrics, port: SHARD_METRICS_PORT, targetPort: PORTS.metrics },
      ],
    },
  };
}

export function groupSet(cell: Cell, group: Group): IStatefulSet {
  const labels = groupLabels(cell, group);
  const spec: IStatefulSetSpec = {
    serviceName: shardsName(cell),
    ...(!isScaled(cell, group) && { replicas: group.replicas }),
    selector: { matchLabels: labels },
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'RollingUpdate' },
    minReadySeconds: MIN_READY_SECONDS,
    template: podTemplate(cell, shardParts(cell, group)),
    ...claims(cell, group),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: groupName(cell, group), labels },
    spec,
  };
}

/** Lets one shard of a group leave at a time. */
export function groupBudget(cell: Cell, group: Group): IPodDisruptionBudget {
  const labels = groupLabels(cell, group);
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: groupName(cell, group), labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  };
}

function shardParts(cell: Cell, group: Group): PodParts {
  const labels = groupLabels(cell, group);
  const { tls, sharedSecret } = cell.security;
  return {
    container: {
      name: 'shard',
      args: shardArguments(cell, group),
      ports: [
        { name: PORTS.rows, containerPort: SHARD_PORT },
        { name: PORTS.metrics, containerPort: SHARD_METRICS_PORT },
      ],
      resources: resources(group, shardMiB(cell, group)),
      ...probes({
        port: PORTS.metrics,
        ready: '/health',
        startSeconds: startSeconds(groupBytes(cell, group)),
      }),
    },
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      // More arenas of glibc's malloc cost memory, and no call of a shard waits for one.
      { name: 'MALLOC_ARENA_MAX', value: '2' },
    ],
    mounted: [
      ...secretFiles('tls', tls?.shardSecret, MOUNTS.tls),
      ...secretFiles('secret', sharedSecret, MOUNTS.secret),
      ...stateDirectory(cell, group),
    ],
    // There is no preStop hook: on SIGTERM a shard tells its gateways at once, and no load balancer must learn of it.
    terminationSeconds: DRAIN_MS / 1000 + CLOSING_SECONDS,
    labels,
    spread: spreadOver(cell, labels),
  };
}

function stateDirectory(cell: Cell, group: Group): Mounted[] {
  if (!keepsState(cell, group)) return [];
  const mount = { name: 'state', mountPath: MOUNTS.state };
  if (cell.state.in === 'claim') return [{ mount }];
  return [{ mount, volume: { name: 'state', emptyDir: { sizeLimit: `${stateMiB(cell, group)}Mi` } } }];
}

function claims(cell: Cell, group: Group): Pick<IStatefulSetSpec, 'volumeClaimTemplates'> {
  const { state } = cell;
  if (state.in === 'emptyDir' || !keepsState(cell, group)) return {};
  return {
    volumeClaimTemplates: [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'state' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: `${stateMiB(cell, group)}Mi` } },
          ...(state.storageClass !== undefined && { storageClassName: state.storageClass }),
        },
      },
    ],
  };
}
