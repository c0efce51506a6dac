// All autoscalers of a cell: at every sync reads its pages and decides how many gateways and shards it has. Pure, so that the simulator and
// a run of real processes share it.
//
// KEDA reads the pages whenever the autoscaler asks for a metric, unless `useCachedMetrics` is set. Its polls decide about zero only.
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
  autoscalers: readonly AutoscalerState[];
  activation: ActivationState;
}

export interface ScalerInput {
  now: number;
  /** Pages of the ready gateways, read only when a sync is due. */
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

/** The first sync comes half a period after the start, because autoscalers do not know when traffic begins or changes. */
export function newScaler({ targets, syncSeconds = SYNC_SECONDS }: ScalerSettings, now: number): ScalerState {
  return {
    ...{ polledAt: Number.NEGATIVE_INFINITY, syncedAt: now - syncSeconds / 2 },
    ...{ activation: neverActive, autoscalers: targets.map(() => newAutoscaler) },
  };
}

/** Whether a sync is due, for drivers that read the pages before the step. */
export function isSyncDue({ syncedAt }: ScalerState, settings: ScalerSettings, now: number): boolean {
  return now >= syncedAt + (settings.syncSeconds ?? SYNC_SECONDS);
}

function isPollDue({ polledAt }: ScalerState, { timing, toZero }: ScalerSettings, now: number): boolean {
  return toZero && now >= polledAt + timing.pollingSeconds;
}

/** Whether `scale` has anything to do. */
export function isDue(state: ScalerState, settings: ScalerSettings, now: number): boolean {
  return isSyncDue(state, settings, now) || isPollDue(state, settings, now);
}

/** To be called often, with a time that grows. */
export function scale(
  state: ScalerState,
  settings: ScalerSettings,
  input: ScalerInput,
): { state: ScalerState; changes: Change[] } {
  const { now } = input;
  if (isPollDue(state, settings, now)) {
    const activated = activateAll({ ...state, polledAt: now }, settings, input);
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
  if (!isSyncDue(state, settings, now)) return { state, changes: [] };
  const pages = input.read();
  const changes: Change[] = [];
  const autoscalers = settings.targets.map((target, i) => {
    const before = state.autoscalers[i] ?? newAutoscaler;
    const replicas = input.replicas[i];
    if (replicas === undefined || replicas.current === 0) return before;
    const metrics = metricsOf(target, pages);
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

/** Replicas of each target after the changes. */
export function countsAfter(
  { targets }: ScalerSettings,
  replicas: readonly { current: number }[],
  changes: readonly Change[],
): number[] {
  return targets.map(({ name }, i) => {
    const change = changes.find(({ target }) => target === name);
    return change?.to ?? replicas[i]?.current ?? 0;
  });
}
