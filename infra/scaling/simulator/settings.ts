// The autoscalers of a cell under given rules.

import {
  type GatewaySignal,
  type GroupSignal,
  gatewayRules,
  type Rule,
  type Timing,
  timing,
} from '../rules.ts';
import type { ScalerSettings } from '../scaler.ts';
import type { CellModel } from './cell-model.ts';

export interface CellRules {
  gateways: readonly Rule<GatewaySignal>[];
  groups: readonly Rule<GroupSignal>[];
  timing: Timing;
  toZero?: boolean;
}

/** The default rules, with those of the groups. */
export function defaultRules(groups: readonly Rule<GroupSignal>[]): CellRules {
  return { gateways: gatewayRules, groups, timing };
}

export const GATEWAYS = 'gateways';

export function settingsOf(
  { gateway, groups }: Pick<CellModel, 'gateway' | 'groups'>,
  rules: CellRules,
): ScalerSettings {
  return {
    targets: [
      { kind: 'gateways', name: GATEWAYS, rules: rules.gateways, min: gateway.min, max: gateway.max },
      ...groups.map(({ name, min, max }) => {
        return { kind: 'group' as const, name, experts: name, rules: rules.groups, min, max };
      }),
    ],
    timing: rules.timing,
    toZero: rules.toZero ?? false,
  };
}
