// The rules by which a cell is scaled. The objects of KEDA (infra/deploy) and the simulator read them here.

/** Fields of a gateway's /v1/scaling that say how busy it is. */
export type GatewaySignal = 'queue_seconds' | 'kv_used';
/** Fields of each group in it. */
export type GroupSignal = 'hop_p99_ms' | 'in_flight' | 'rows_per_second';

export interface Rule<Signal extends string = string> {
  signal: Signal;
  /**
   * `share`: the values of all gateways are added up, and each replica takes `target` of the sum. `level`: the highest value of a gateway
   * should be at most `target`, and the number of replicas changes in proportion to it.
   */
  kind: 'share' | 'level';
  /** In the unit of the signal. */
  target: number;
}

/** How fast the number of replicas may change, as in a HorizontalPodAutoscaler. */
export interface Pace {
  /** The number is the highest (down) or lowest (up) of those that were wanted within this time. */
  stabilizationSeconds: number;
  /** Replicas that may be added or removed within `periodSeconds`. The policy that allows most applies. */
  policies: readonly { type: 'Pods' | 'Percent'; value: number; periodSeconds: number }[];
}

export interface Timing {
  /** Time between two readings of the signals. */
  pollingSeconds: number;
  /** A cell that may be scaled to zero goes there when the edge has not wanted it for this time. */
  cooldownSeconds: number;
  up: Pace;
  down: Pace;
}

/** Gateways that wait for memory or for a place in the running set need more gateways. */
export const gatewayRules: readonly Rule<GatewaySignal>[] = [
  { signal: 'queue_seconds', kind: 'share', target: 2 },
  { signal: 'kv_used', kind: 'share', target: 0.5 },
];

/** `rowsPerSecond` is what one shard of the group should compute. Without it, only slow and waiting calls add shards. */
export function groupRules(rowsPerSecond: number | undefined): Rule<GroupSignal>[] {
  return [
    { signal: 'hop_p99_ms', kind: 'level', target: 50 },
    { signal: 'in_flight', kind: 'share', target: 4 },
    ...(rowsPerSecond === undefined
      ? []
      : [{ signal: 'rows_per_second', kind: 'share', target: rowsPerSecond } as const]),
  ];
}

export const timing: Timing = {
  pollingSeconds: 15,
  cooldownSeconds: 300,
  up: {
    stabilizationSeconds: 0,
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
  down: { stabilizationSeconds: 300, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
};
