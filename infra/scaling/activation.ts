// The part of scaling that KEDA does itself: from no replica to some, and back to none. Pure.
//
// Source: `cooldownPeriod`, `idleReplicaCount` and `minReplicaCount` in https://keda.sh/docs/latest/reference/scaledobject-spec/, and
// "Activating and Scaling thresholds" in https://keda.sh/docs/latest/concepts/scaling-deployments/.

export interface ActivationInput {
  now: number;
  replicas: number;
  /** The trigger's value at this poll. */
  value: number;
  /** The trigger is active above this value. At the value it is not. */
  threshold: number;
  cooldownSeconds: number;
  /** Replicas that an activation starts. At least one is started. */
  min: number;
}

/** When the trigger was last active, in seconds. Undefined: never. */
export interface ActivationState {
  activeAt: number | undefined;
}

export const neverActive: ActivationState = { activeAt: undefined };

/** One poll. The cooldown counts from the last poll at which the trigger was active. Other changes are the HorizontalPodAutoscaler's. */
export function activate(
  state: ActivationState,
  { now, replicas, value, threshold, cooldownSeconds, min }: ActivationInput,
): { state: ActivationState; replicas: number } {
  if (value > threshold) {
    return { state: { activeAt: now }, replicas: replicas === 0 ? Math.max(1, min) : replicas };
  }
  const isCool = state.activeAt === undefined || now > state.activeAt + cooldownSeconds;
  return { state, replicas: isCool ? 0 : replicas };
}
