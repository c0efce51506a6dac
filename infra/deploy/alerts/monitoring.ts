// What the operator of Prometheus reads: which pods have metrics, and the alerts; and what Grafana reads: the dashboard.
import type {
  IPrometheusRule,
  IServiceMonitor,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import type { IConfigMap } from 'kubernetes-models/v1';
import type { Cell } from '../cell-spec.ts';
import { dashboardMap } from '../dashboard/dashboard.ts';
import {
  cellLabels,
  gatewayLabels,
  gatewayPeersName,
  type Labels,
  PORTS,
  shardLabels,
  shardsName,
} from '../names.ts';
import { alertGroups } from './alerts.ts';

const INTERVAL = '15s';

/** Nothing if the cluster has no operator of Prometheus. */
export function monitoring(cell: Cell): (IServiceMonitor | IPrometheusRule | IConfigMap)[] {
  if (!cell.prometheusOperator) return [];
  const watched = {
    ...{ cell: cell.name, namespace: cell.namespace },
    mayBeZero: cell.scaling?.zero !== undefined,
  };
  const peers = { ...gatewayLabels(cell), 'app.kubernetes.io/part-of': 'peers' };
  return [
    monitor(gatewayPeersName(cell), peers),
    monitor(shardsName(cell), shardLabels(cell)),
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: cell.name, labels: cellLabels(cell) },
      spec: { groups: alertGroups(watched) },
    },
    dashboardMap(cell),
  ];
}

function monitor(name: string, matchLabels: Labels): IServiceMonitor {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { name, labels: matchLabels },
    spec: {
      selector: { matchLabels },
      endpoints: [{ port: PORTS.metrics, interval: INTERVAL }],
    },
  };
}
