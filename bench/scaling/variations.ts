// The rules that bench/scaling/day.ts compares: the default, and others that differ from it in one thing each.

import { type GatewaySignal, groupRules, type Pace, type Rule, timing } from '../../infra/scaling/rules.ts';
import { EXAMPLE_SHARD_ROWS, EXAMPLE_TARGET_ROWS } from '../../infra/scaling/simulator/cell-model.ts';
import { type CellRules, defaultRules } from '../../infra/scaling/simulator/settings.ts';

export interface Variation {
  name: string;
  rules: CellRules;
}

const byDefault = defaultRules(groupRules(EXAMPLE_TARGET_ROWS));

const everyHalfMinute: Pace = {
  stabilizationSeconds: 0,
  policies: [
    { type: 'Percent', value: 100, periodSeconds: 30 },
    { type: 'Pods', value: 2, periodSeconds: 30 },
  ],
};

const rowsAt = (part: number) => groupRules(part * EXAMPLE_SHARD_ROWS);

export const theDefault: Variation = { name: 'default', rules: byDefault };

export const variations: readonly Variation[] = [
  { name: 'queue_seconds 20', rules: withGateways({ queue_seconds: 20 }) },
  { name: 'without queue_seconds', rules: withoutQueue() },
  { name: 'kv_used 0.7', rules: withGateways({ kv_used: 0.7 }) },
  { name: 'kv_used 0.3', rules: withGateways({ kv_used: 0.3 }) },
  { name: 'rows at 70 % of a shard', rules: { ...byDefault, groups: rowsAt(0.7) } },
  { name: 'no rows_per_second', rules: { ...byDefault, groups: groupRules(undefined) } },
  { name: 'up ×2 or +2 in 30 s', rules: { ...byDefault, timing: { ...timing, up: everyHalfMinute } } },
  { name: 'down after 2 minutes', rules: { ...byDefault, timing: { ...timing, down: downAfter(120) } } },
  { name: 'down after 10 minutes', rules: { ...byDefault, timing: { ...timing, down: downAfter(600) } } },
];

function withGateways(targets: Partial<Record<GatewaySignal, number>>): CellRules {
  const changed = ({ signal, target, ...rule }: Rule<GatewaySignal>) => {
    return { ...rule, signal, target: targets[signal] ?? target };
  };
  return { ...byDefault, gateways: byDefault.gateways.map(changed) };
}

function withoutQueue(): CellRules {
  return { ...byDefault, gateways: byDefault.gateways.filter(({ signal }) => signal !== 'queue_seconds') };
}

function downAfter(stabilizationSeconds: number): Pace {
  return { ...timing.down, stabilizationSeconds };
}
