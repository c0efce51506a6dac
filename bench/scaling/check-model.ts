// The model of the check's cell, from what is measured at its start, and the trace that it is checked with. Pure but for the measurements.

import { SYNC_SECONDS } from '../../infra/scaling/autoscaler.ts';
import { gatewayRules, groupRules, type Pace, type Timing, timing } from '../../infra/scaling/rules.ts';
import type { ScalerSettings } from '../../infra/scaling/scaler.ts';
import type { CellModel, GatewayModel } from '../../infra/scaling/simulator/cell-model.ts';
import { settingsOf } from '../../infra/scaling/simulator/settings.ts';
import type { Traffic } from '../../infra/scaling/simulator/traffic.ts';

/** Times of the rules are divided by this, so that a run of minutes shows what takes a real cell half an hour. */
const FASTER = 5;
export const PROMPT_TOKENS = 24;
/** Sequences of a gateway. They wait for the network most of the time, so two cores are enough for several gateways. */
export const SEQUENCES = 4;
export const MOST_GATEWAYS = 4;
export const MOST_SHARDS = 2;

/** What the start of the check measures. */
export interface Measured {
  /** Milliseconds of a token of a single sequence, hops included. */
  tokenMs: number;
  /** Seconds until the first token of a single request, which are not a wait. */
  firstSeconds: number;
  /** Tokens a second of as many sequences as a gateway takes. */
  decodePerSecond: number;
  kvTokens: number;
  startSeconds: { gateway: number; shard: number };
  /** Part of the rows of each group. */
  heat: readonly number[];
  /** Rows of a token over all hops. */
  rowsPerToken: number;
}

export function checkModel(groups: readonly string[], measured: Measured, graceSeconds: number): CellModel {
  const { tokenMs, firstSeconds, decodePerSecond, kvTokens, startSeconds, heat, rowsPerToken } = measured;
  const nothing = { cores: 0, memoryGiB: 0 };
  const gateway: GatewayModel = {
    ...nothing,
    ...{ decodePerSecond, kvTokens, sequences: SEQUENCES, waiting: 256, callsAtOnce: 2 },
    // The first token comes with the last row of the prompt, and the model computes it afterwards.
    prefillPerSecond: PROMPT_TOKENS / Math.max(0.01, firstSeconds - tokenMs / 1000),
    // Hops are part of the measured time.
    tokenMs,
    ...{ startSeconds: startSeconds.gateway, drainSeconds: graceSeconds, min: 1, max: MOST_GATEWAYS },
  };
  return {
    gateway,
    groups: groups.map((name) => ({
      ...nothing,
      // The shards wait most of the time, so their capacity is not reached.
      ...{ name, rowsPerSecond: Number.MAX_SAFE_INTEGER, callMs: 0 },
      ...{ startSeconds: startSeconds.shard, drainSeconds: 0, min: 1, max: MOST_SHARDS },
    })),
    layers: 1,
    rowsPerToken,
    heat: () => heat,
    prices: { coreHour: 0, gibHour: 0 },
  };
}

/** The same measurements, if everything in the gateways takes `factor` times as long. */
export function slowerBy(
  measured: Measured,
  factor: number,
  startSeconds: Measured['startSeconds'],
): Measured {
  return {
    ...{ ...measured, startSeconds, tokenMs: measured.tokenMs * factor },
    ...{ firstSeconds: measured.firstSeconds * factor, decodePerSecond: measured.decodePerSecond / factor },
  };
}

/**
 * Each group gets a second shard when more than two gateways are busy. Times of hops are left out of the rules, because here they are those
 * of the relay and of whatever else runs on the machine.
 */
export function checkSettings(model: CellModel): ScalerSettings {
  const { decodePerSecond } = model.gateway;
  const rows = decodePerSecond * model.rowsPerToken * Math.max(...model.heat(0));
  const faster = (pace: Pace): Pace => ({
    stabilizationSeconds: pace.stabilizationSeconds / FASTER,
    policies: pace.policies.map(({ periodSeconds, ...policy }) => {
      return { ...policy, periodSeconds: periodSeconds / FASTER };
    }),
  });
  const quick: Timing = {
    ...{ pollingSeconds: timing.pollingSeconds / FASTER, cooldownSeconds: timing.cooldownSeconds / FASTER },
    ...{ up: faster(timing.up), down: faster(timing.down) },
  };
  const groups = groupRules(2 * rows).filter(({ signal }) => signal !== 'hop_p99_ms');
  const settings = settingsOf(model, { gateways: gatewayRules, groups, timing: quick });
  return { ...settings, syncSeconds: SYNC_SECONDS / FASTER };
}

/** A quiet start, a spike that needs all gateways but one, a quiet time that removes them, and a smaller spike. */
export function checkTraffic(seconds: number, model: CellModel): Traffic {
  const { decodePerSecond } = model.gateway;
  const answer = { median: 40, sigma: 0.4, most: 80 };
  const meanAnswer = answer.median * Math.exp(answer.sigma ** 2 / 2);
  /** Requests a second that one gateway can serve. */
  const capacity = decodePerSecond / meanAnswer;
  const prompt = { median: PROMPT_TOKENS, sigma: 0, most: PROMPT_TOKENS };
  return {
    seconds,
    rate: () => QUIET * capacity,
    shape: { prompt, answer },
    events: [
      { name: 'spike', from: 0.15 * seconds, to: 0.4 * seconds, factor: () => SPIKE / QUIET },
      { name: 'bump', from: 0.75 * seconds, to: 0.9 * seconds, factor: () => BUMP / QUIET },
    ],
  };
}

/** Parts of what one gateway can serve. */
const QUIET = 0.4;
const SPIKE = 2.6;
const BUMP = 1.4;
