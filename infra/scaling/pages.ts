// Turns the /v1/scaling pages of a cell's gateways into the metrics of its autoscalers. Pure.
import type { Metric } from './autoscaler.ts';
import type { GatewaySignal, GroupSignal, Rule } from './rules.ts';

/** The fields of GET /v1/scaling that rules read. */
export interface ScalingPage {
  queue_seconds: number;
  kv_used: number;
  groups: readonly {
    experts: string;
    in_flight: number;
    rows_per_second: number;
    /** 0 without rows. */
    hop_p99_ms: number;
  }[];
}

/** Shares are added up over gateways, and of levels the highest counts. Undefined if there is no value. */
const joined: Record<Rule['kind'], (values: readonly number[]) => number | undefined> = {
  share: (values) => (values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)),
  level: (values) => (values.length === 0 ? undefined : Math.max(...values)),
};

/** `pages` are those of the gateways that answered. Without any, no metric has a value. */
export function gatewayMetrics(
  rules: readonly Rule<GatewaySignal>[],
  pages: readonly ScalingPage[],
): Metric[] {
  return rules.map((rule) => ({ ...rule, value: joined[rule.kind](pages.map((page) => page[rule.signal])) }));
}

/** Metrics of the group of shards that hold these experts. */
export function groupMetrics(
  rules: readonly Rule<GroupSignal>[],
  pages: readonly ScalingPage[],
  experts: string,
): Metric[] {
  const groups = pages.flatMap((page) => page.groups.filter((group) => group.experts === experts));
  return rules.map((rule) => ({
    ...rule,
    value: joined[rule.kind](groups.map((group) => group[rule.signal])),
  }));
}
