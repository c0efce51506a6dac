// Metrics from the pages of several gateways.
import { expect, test } from 'vitest';
import { gatewayMetrics, groupMetrics, type ScalingPage } from '../../../infra/scaling/pages.ts';
import { gatewayRules, groupRules } from '../../../infra/scaling/rules.ts';

const group = (experts: string, rows: number, p99: number) => {
  return { experts, in_flight: 1, rows_per_second: rows, hop_p99_ms: p99 };
};
const pages: ScalingPage[] = [
  { queue_seconds: 3, kv_used: 0.25, groups: [group('0-47', 10, 4), group('48-95', 1, 0)] },
  { queue_seconds: 1, kv_used: 0.5, groups: [group('0-47', 20, 9)] },
];
const values = (metrics: readonly { signal: string; value: number | undefined }[]) =>
  Object.fromEntries(metrics.map(({ signal, value }) => [signal, value]));

test('shares are added up over the gateways, and of levels the highest counts', () => {
  expect(values(gatewayMetrics(gatewayRules, pages))).toEqual({ queue_seconds: 4, kv_used: 0.75 });
  const low = groupMetrics(groupRules(100), pages, '0-47');
  expect(values(low)).toEqual({ hop_p99_ms: 9, in_flight: 2, rows_per_second: 30 });
});

test('gateways that have no shard of a group do not count, and without any gateway values are missing', () => {
  const high = values(groupMetrics(groupRules(100), pages, '48-95'));
  expect(high).toEqual({ hop_p99_ms: 0, in_flight: 1, rows_per_second: 1 });
  expect(values(gatewayMetrics(gatewayRules, []))).toEqual({ queue_seconds: undefined, kv_used: undefined });
});
