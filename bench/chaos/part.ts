// One part of the harness: shards, a gateway and streams; first undisturbed, then under the faults of a schedule. Gives
// what was seen; judges nothing.
import { setTimeout as delay } from 'node:timers/promises';
import { type Endured, endure } from './faults.ts';
import { Gateway, startVerb } from './gateway.ts';
import { end } from './processes.ts';
import type { CompletionBody } from './requests.ts';
import { drawRounds, type Kind, type Round } from './schedule.ts';
import { Site } from './site.ts';
import type { Gap } from './stalls.ts';
import { type Answer, runStreams } from './streams.ts';

export interface PartOptions {
  /** Directory of the bundle. */
  model: string;
  /** Name that the gateway gives it. */
  modelName: string;
  requests: readonly CompletionBody[];
  streams: number;
  faults: number;
  seed: number;
  kinds: readonly Kind[];
  /** Of each shard, the parts of the model that it holds, by number, and as it is written for the shard. */
  holdings: readonly { parts: readonly number[]; experts: string }[];
  /** A further shard that holds low-bit copies of everything; then requests allow it and gateways call it. */
  standby: boolean;
  flipBits: number;
  /** Of the gateway, beside its shards. */
  gatewayFlags: readonly string[];
  /** File descriptor that the processes' logs go to. */
  log: number;
  progress: (line: string) => void;
}

export interface Seen {
  /** Of the run without faults: at least two answers to each request. */
  undisturbed: readonly Answer[];
  /** When that ran. */
  undisturbedWindow: Gap;
  disturbed: readonly Answer[];
  rounds: readonly (readonly Endured[])[];
  /** Samples of the gateway's /metrics: how much each grew while faults struck. */
  counters: ReadonlyMap<string, number>;
  /** Why the faults ended early, where they did. */
  stopped?: string;
}

/** Of the run without faults, at least: the windows that it is cut into are compared with those of faults. */
const UNDISTURBED_MS = 15_000;
/** Streams are under way by then, when the first fault strikes. */
const SETTLE_MS = 1_000;
/** Failed requests that are told of each round as they come. */
const TOLD = 3;

export async function runPart(options: PartOptions): Promise<Seen> {
  const { model, holdings, standby, log, progress, gatewayFlags } = options;
  progress('starting');
  const sites = await Promise.all(holdings.map(({ experts }) => Site.open({ model, experts, log })));
  const closers: (() => Promise<void>)[] = sites.map((site) => () => site.close());
  try {
    const shards = sites.map(({ address }) => address);
    if (standby) {
      const flags = ['shard', '--model', model, '--standby', '--port', '0'];
      const { child, found } = await startVerb(flags, /^shard ready on ([^\s,]+):/m, log);
      closers.push(() => end(child, 'SIGKILL'));
      shards.push(found);
    }
    const gateway = await Gateway.start({ model, shards, flags: gatewayFlags, log });
    closers.push(() => gateway.close());
    return await observe(options, sites, gateway);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function observe(options: PartOptions, sites: readonly Site[], gateway: Gateway): Promise<Seen> {
  const { requests, standby, progress } = options;
  const streaming = {
    url: gateway.url,
    model: options.modelName,
    requests,
    streams: options.streams,
    ...(standby && { allow: { degrade: 'standby' } }),
  };

  progress('undisturbed run');
  const undisturbed: Answer[] = [];
  const from = performance.now();
  await runStreams({
    ...streaming,
    onAnswer: (answer) => undisturbed.push(answer),
    goesOn: (asked) => asked < 2 * requests.length || performance.now() < from + UNDISTURBED_MS,
  });
  const undisturbedWindow = { from, to: performance.now() };
  const failure = undisturbed.find(({ outcome }) => outcome !== 'whole');
  if (failure !== undefined) throw new Error(`a request failed without any fault: ${failure.detail}`);

  const disturbed: Answer[] = [];
  const rounds: Endured[][] = [];
  let over = false;
  let told = 0;
  const before = await gateway.counters();
  const streams = runStreams({
    ...streaming,
    onAnswer(answer) {
      disturbed.push(answer);
      if (answer.detail === undefined || ++told > TOLD * (rounds.length + 1)) return;
      progress(`a request ${answer.outcome}: ${answer.detail}\n`);
    },
    goesOn: () => !over && !gateway.hasEnded,
  });
  await delay(SETTLE_MS);
  const stopped = await disturb(options, sites, gateway, rounds, () => disturbed).catch((error) => {
    if (gateway.hasEnded) return 'the gateway has ended';
    throw error;
  });
  over = true;
  await streams;
  const after = gateway.hasEnded ? before : await gateway.counters();
  const counters = new Map([...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]));
  return {
    undisturbed,
    undisturbedWindow,
    disturbed,
    rounds,
    counters,
    ...(stopped !== undefined && { stopped }),
  };
}

/** Strikes round after round; returns why it ended before the last, where it did. */
async function disturb(
  options: PartOptions,
  sites: readonly Site[],
  gateway: Gateway,
  rounds: Endured[][],
  answers: () => readonly Answer[],
): Promise<string | undefined> {
  const { progress, faults, flipBits } = options;
  let struck = 0;
  for (const round of roundsOf(options)) {
    struck += round.faults.length;
    const what = round.faults.map(({ kind, shard }) => `${kind} of shard ${shard}`).join(' and ');
    const bad = answers().filter(({ outcome }) => outcome !== 'whole').length;
    progress(`fault ${struck}/${faults}: ${what}; ${answers().length} answers, ${bad} failed or hung`);
    const endured = await Promise.all(
      round.faults.map((fault) => {
        const site = sites[fault.shard];
        if (site === undefined) throw new Error(`there is no shard ${fault.shard}`);
        return endure(fault, { site, gateway, flipBits });
      }),
    );
    rounds.push(endured);
    if (gateway.hasEnded) return 'the gateway has ended';
    // A shard that stays away is the last of its experts' copies but one: a further fault would break the rule.
    if (endured.some(({ servedAt }) => servedAt === undefined))
      return `a shard did not come back from ${what}`;
    await delay(round.pauseMs);
  }
  return undefined;
}

function roundsOf({ seed, faults, kinds, holdings, standby }: PartOptions): Round[] {
  const struck = [...holdings.keys()];
  const held = holdings.map(({ parts }) => parts);
  const every = [...new Set(held.flat())];
  return drawRounds({ seed, faults, kinds, struck, holdings: standby ? [...held, every] : held });
}
