// All autoscalers of a cell: reads its pages at every poll, and decides at every sync how many gateways and shards it has. Pure, so that
// the simulator and a run of real processes share it.
import { type ActivationState, activate, neverActive } from './activation.ts';
import { type AutoscalerState, newAutoscaler, type Replicas, SYNC_SECONDS, sync } from './autoscaler.ts';
import { gatewayMetrics, groupMetrics, type ScalingPage } from './pages.ts';
import type { GatewaySignal, GroupSignal, Rule, Timing } from './rules.ts';

export interface Range {
  min: number;
  max: number;
}

/** What is scaled: the gateways, or the shards that hold these experts. */
export type Target = Range & { name: string } & (
    | { kind: 'gateways'; rules: readonly Rule<GatewaySignal>[] }
    | { kind: 'group'; experts: string; rules: readonly Rule<GroupSignal>[] }
  );

export interface ScalerSettings {
  /** The gateways are the first. */
  targets: readonly Target[];
  timing: Timing;
  /** Default: that of Kubernetes. */
  syncSeconds?: number;
  /** Whether the whole cell goes to zero while the edge does not want it. */
  toZero: boolean;
}

export interface ScalerState {
  polledAt: number;
  syncedAt: number;
  /** Those of the last poll. */
  pages: readonly ScalingPage[];
  autoscalers: readonly AutoscalerState[];
  activation: ActivationState;
}

export interface ScalerInput {
  now: number;
  /** Pages of the ready gateways, read only when a poll is due. */
  read: () => readonly ScalingPage[];
  /** `wanted` of the cell's region in the edge's page: above 0 if it is wanted. */
  wantedByEdge: number;
  /** Of each target. */
  replicas: readonly Replicas[];
}

/** A changed number of replicas. */
export interface Change {
  at: number;
  target: string;
  from: number;
  to: number;
  /** What the metrics alone asked for. */
  wanted: number;
  /** The signal that asked for it, or why there is none. */
  because: string;
}

export const ACTIVATED = 'the edge has requests';
export const COOLED = 'the edge has no requests';
const LIMITS = 'limits';

/** Polls and syncs do not know of each other: a sync comes half its period after a poll in the mean, and that is where it is put. */
export function newScaler({ targets, syncSeconds = SYNC_SECONDS }: ScalerSettings, now: number): ScalerState {
  return {
    ...{ polledAt: Number.NEGATIVE_INFINITY, syncedAt: now - syncSeconds / 2, pages: [] },
    ...{ activation: neverActive, autoscalers: targets.map(() => newAutoscaler) },
  };
}

/** Whether a poll is due, for drivers that read the pages before the step. */
export function isPollDue({ polledAt }: ScalerState, { timing }: ScalerSettings, now: number): boolean {
  return now >= polledAt + timing.pollingSeconds;
}

/** To be called often, with a time that grows. */
export function scale(
  state: ScalerState,
  settings: ScalerSettings,
  input: ScalerInput,
): { state: ScalerState; changes: Change[] } {
  const { now } = input;
  if (isPollDue(state, settings, now)) {
    const polled = { ...state, polledAt: now, pages: input.read() };
    if (!settings.toZero) return syncIfDue(polled, settings, input);
    const activated = activateAll(polled, settings, input);
    return activated.changes.length > 0 ? activated : syncIfDue(activated.state, settings, input);
  }
  return syncIfDue(state, settings, input);
}

function activateAll(state: ScalerState, { targets, timing }: ScalerSettings, input: ScalerInput) {
  const { now, wantedByEdge: value, replicas } = input;
  const { cooldownSeconds } = timing;
  let { activation } = state;
  const changes = targets.flatMap(({ name, min }, i): Change[] => {
    const from = replicas[i]?.current ?? 0;
    const poll = activate(state.activation, {
      now,
      replicas: from,
      value,
      threshold: 0,
      cooldownSeconds,
      min,
    });
    activation = poll.state;
    const to = poll.replicas;
    const because = to > 0 ? ACTIVATED : COOLED;
    return to === from ? [] : [{ at: now, target: name, from, to, wanted: to, because }];
  });
  return { state: { ...state, activation }, changes };
}

/** An autoscaler without replicas does nothing: KEDA alone starts the first. */
function syncIfDue(state: ScalerState, settings: ScalerSettings, input: ScalerInput) {
  const { now } = input;
  if (now < state.syncedAt + (settings.syncSeconds ?? SYNC_SECONDS)) return { state, changes: [] };
  const changes: Change[] = [];
  const autoscalers = settings.targets.map((target, i) => {
    const before = state.autoscalers[i] ?? newAutoscaler;
    const replicas = input.replicas[i];
    if (replicas === undefined || replicas.current === 0) return before;
    const metrics = metricsOf(target, state.pages);
    const { min, max } = target;
    const { up, down } = settings.timing;
    const { state: after, decision } = sync(before, { now, ...replicas, metrics, min, max, up, down });
    if (decision.replicas !== replicas.current) {
      const because = decision.signal ?? LIMITS;
      const { wanted, replicas: to } = decision;
      changes.push({ at: now, target: target.name, from: replicas.current, to, wanted, because });
    }
    return after;
  });
  return { state: { ...state, autoscalers, syncedAt: now }, changes };
}

function metricsOf(target: Target, pages: readonly ScalingPage[]) {
  if (target.kind === 'gateways') return gatewayMetrics(target.rules, pages);
  return groupMetrics(target.rules, pages, target.experts);
}
