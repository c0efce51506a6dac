// Where KEDA reads the signals of the scaling rules: from the pages of the gateways, or from Prometheus.
import type { IScaleTriggers } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaleTriggers';
import type { GatewaySignal, GroupSignal, Rule } from '../../scaling/rules.ts';
import type { Cell, Scaling } from '../cell-spec.ts';
import { dnsName, GATEWAY_METRICS_PORT, gatewayPeersName } from '../names.ts';

/** A signal of the gateways themselves, or of the group of shards with these experts (as in a gateway's /v1/scaling). */
export type Read = { rule: Rule<GatewaySignal> } | { rule: Rule<GroupSignal>; experts: string };

type Signal = GatewaySignal | GroupSignal;

/** Gauges of a gateway. `times` converts the unit of the gauge to that of the signal. */
const gauges: Record<Signal, { name: string; times?: number }> = {
  queue_seconds: { name: 'expertgrid_model_queue_seconds' },
  kv_used: { name: 'expertgrid_model_kv_used_ratio' },
  in_flight: { name: 'expertgrid_group_in_flight_calls' },
  rows_per_second: { name: 'expertgrid_group_rows_per_second' },
  hop_p99_ms: { name: 'expertgrid_group_hop_p99_seconds', times: 1_000 },
};

/** How the values of several gateways become one, and how KEDA compares it with the target. */
const kinds = {
  share: { join: 'sum', metricType: 'AverageValue' },
  level: { join: 'max', metricType: 'Value' },
} as const satisfies Record<Rule['kind'], object>;

export function triggerOf(cell: Cell, { signals }: Scaling, read: Read): IScaleTriggers {
  const { metricType } = kinds[read.rule.kind];
  const trigger = signals.from === 'gateways' ? ofPage(cell, read) : ofPrometheus(cell, read, signals.url);
  return { ...trigger, name: read.rule.signal, metricType };
}

/** KEDA asks each gateway that is ready. The port is that of the pods. */
function ofPage(cell: Cell, read: Read): Pick<IScaleTriggers, 'type' | 'metadata'> {
  const { signal, target, kind } = read.rule;
  return {
    type: 'metrics-api',
    metadata: {
      url: `http://${dnsName(cell, gatewayPeersName(cell))}:${GATEWAY_METRICS_PORT}/v1/scaling`,
      valueLocation: 'experts' in read ? `groups.#(experts=="${read.experts}").${signal}` : signal,
      targetValue: `${target}`,
      aggregateFromKubeServiceEndpoints: 'true',
      aggregationType: kinds[kind].join,
    },
  };
}

function ofPrometheus(cell: Cell, read: Read, url: string): Pick<IScaleTriggers, 'type' | 'metadata'> {
  const { signal, target, kind } = read.rule;
  const { name, times } = gauges[signal];
  const own = `namespace="${cell.namespace}",job="${gatewayPeersName(cell)}"`;
  const labels = 'experts' in read ? `${own},experts="${read.experts}"` : own;
  const query = `${kinds[kind].join}(${name}{${labels}})`;
  return {
    type: 'prometheus',
    metadata: {
      serverAddress: url,
      query: times === undefined ? query : `${times} * ${query}`,
      threshold: `${target}`,
      // No answer is no reason to remove replicas.
      ignoreNullValues: 'false',
    },
  };
}
