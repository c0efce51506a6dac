// The gateways of a cell: a Deployment, the Service that clients call, and the headless Service by which gateways find each other.
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IService } from 'kubernetes-models/v1';
import { gatewayMiB, groupBytes, startSeconds } from './bundle-sizes.ts';
import type { Cell } from './cell-spec.ts';
import {
  ENGINE,
  ENGINE_LABEL,
  GATEWAY_METRICS_PORT,
  GATEWAY_PORT,
  gatewayLabels,
  gatewayName,
  gatewayPeersName,
  MOUNTS,
  PORTS,
  TRANSFER_PORT,
} from './names.ts';
import { type PodParts, podTemplate, probes, resources, secretFiles, spreadOver } from './pods.ts';
import { gatewayArguments } from './process-arguments.ts';
import { isScaled } from './scaling/scaled-objects.ts';

/** A gateway refuses requests as soon as it gets SIGTERM. Before that, load balancers learn within this time that it leaves. */
const LEAVING_SECONDS = 5;
/** Time to end after the grace period. */
const CLOSING_SECONDS = 15;

export function gatewayDeployment(cell: Cell): IDeployment {
  const labels = gatewayLabels(cell);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: gatewayName(cell), labels },
    spec: {
      ...(!isScaled(cell, cell.gateways) && { replicas: cell.gateways.replicas }),
      selector: { matchLabels: labels },
      progressDeadlineSeconds: firstReadySeconds(cell),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate(cell, gatewayParts(cell)),
    },
  };
}

export function gatewayServices(cell: Cell): IService[] {
  const labels = gatewayLabels(cell);
  const http = { name: PORTS.http, port: GATEWAY_PORT, targetPort: PORTS.http };
  const metrics = { name: PORTS.metrics, port: GATEWAY_METRICS_PORT, targetPort: PORTS.metrics };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: gatewayName(cell), labels: { ...labels, 'app.kubernetes.io/part-of': 'api' } },
      spec: { selector: labels, ports: [http] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: gatewayPeersName(cell), labels: { ...labels, 'app.kubernetes.io/part-of': 'peers' } },
      spec: { clusterIP: 'None', selector: labels, ports: [http, metrics] },
    },
  ];
}

export function gatewayBudget(cell: Cell): IPodDisruptionBudget {
  const labels = gatewayLabels(cell);
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: gatewayName(cell), labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  };
}

/** How long it may take until a gateway is ready. When the cell is new, gateways wait for shards. */
function firstReadySeconds(cell: Cell): number {
  const bytes = cell.groups.map((group) => groupBytes(cell, group));
  return startSeconds(cell.bundle.denseBytes) + startSeconds(Math.max(...bytes));
}

function gatewayParts(cell: Cell): PodParts {
  const { gateways, security, bundle, inferencePool } = cell;
  const labels = gatewayLabels(cell);
  return {
    container: {
      name: 'gateway',
      args: gatewayArguments(cell),
      ports: [
        { name: PORTS.http, containerPort: GATEWAY_PORT },
        { name: PORTS.metrics, containerPort: GATEWAY_METRICS_PORT },
        ...(gateways.peers ? [{ name: PORTS.transfer, containerPort: TRANSFER_PORT }] : []),
      ],
      lifecycle: { preStop: { sleep: { seconds: LEAVING_SECONDS } } },
      resources: resources(gateways, gatewayMiB(cell)),
      ...probes({
        port: PORTS.http,
        ready: '/health/ready',
        startSeconds: startSeconds(bundle.denseBytes),
      }),
    },
    mounted: [
      ...secretFiles('tls', security.tls?.gatewaySecret, MOUNTS.tls),
      ...secretFiles('secret', security.sharedSecret, MOUNTS.secret),
      ...secretFiles('edge', gateways.edgeSecret, MOUNTS.edge),
      ...secretFiles('keys', gateways.apiKeysSecret, MOUNTS.keys),
    ],
    terminationSeconds: LEAVING_SECONDS + gateways.graceSeconds + CLOSING_SECONDS,
    labels: inferencePool === undefined ? labels : { ...labels, [ENGINE_LABEL]: ENGINE },
    spread: spreadOver(cell, labels, 'pod-template-hash'),
  };
}
