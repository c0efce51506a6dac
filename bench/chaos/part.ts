// Runs one part of the chaos run: starts shards, a gateway and streams, first without faults and then with the faults of a
// schedule. Returns the observations and does not judge them.
import { setTimeout as delay } from 'node:timers/promises';
import { type Endured, endure } from './faults.ts';
import { Gateway, startShard } from './gateway.ts';
import { end } from './processes.ts';
import type { CompletionBody } from './requests.ts';
import { drawRounds, type Kind, type Round } from './schedule.ts';
import { Site } from './site.ts';
import type { Gap } from './stalls.ts';
import { type Answer, runStreams } from './streams.ts';

interface PartOptions {
  /** Directory of the bundle. */
  model: string;
  /** Name that the gateway gives the model. */
  modelName: string;
  requests: readonly CompletionBody[];
  streams: number;
  faults: number;
  seed: number;
  kinds: readonly Kind[];
  /** For each shard, the indexes of the parts of the model that it holds, and its experts in the form of `--experts`. */
  holdings: readonly { parts: readonly number[]; experts: string }[];
  /** Whether there is also a standby shard with low-bit replicas of every expert. If so, all requests allow their use. */
  standby: boolean;
  /** A lying shard flips one of the `flipBits` lowest bits of the mantissa of a value. */
  flipBits: number;
  /** Flags of the gateway, without those for its model and its shards. */
  gatewayFlags: readonly string[];
  /** File descriptor for the logs of the processes. */
  log: number;
  progress: (line: string) => void;
}

export interface Seen {
  /** Answers of the run without faults, at least two to each request. */
  undisturbed: readonly Answer[];
  /** Begin and end of the run without faults. */
  undisturbedWindow: Gap;
  /** Answers of the run with faults. */
  disturbed: readonly Answer[];
  rounds: readonly (readonly Endured[])[];
  /** Growth of each sample of the gateway's /metrics during the run with faults. */
  counters: ReadonlyMap<string, number>;
  /** Why the faults ended early. Absent if they did not. */
  stopped?: string;
}

/** Shortest length of the run without faults. Stalls in windows of this run are compared with stalls during faults. */
const UNDISTURBED_MS = 15_000;
/** Pause between the start of the streams and the first fault. */
const SETTLE_MS = 1_000;
/** Until the end of round n, at most n times this many errors of failed requests are printed. */
const PRINTED_FAILURES = 3;

export async function runPart(options: PartOptions): Promise<Seen> {
  const { model, holdings, standby, log, progress, gatewayFlags } = options;
  progress('starting');
  const sites = await Promise.all(holdings.map(({ experts }) => Site.open({ model, experts, log })));
  const closers: (() => Promise<void>)[] = sites.map((site) => () => site.close());
  try {
    const shards = sites.map(({ address }) => address);
    if (standby) {
      const { child, found } = await startShard({ model, flags: ['--standby'], log });
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
    expertgrid: standby ? { degrade: 'standby' } : {},
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
  let printed = 0;
  const before = await gateway.counters();
  const streams = runStreams({
    ...streaming,
    onAnswer(answer) {
      disturbed.push(answer);
      if (answer.detail === undefined || ++printed > PRINTED_FAILURES * (rounds.length + 1)) return;
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
  return { undisturbed, undisturbedWindow, disturbed, rounds, counters, stopped };
}

/** Strikes round after round. Resolves to the reason if it ends before the last round. */
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
    // The experts of this shard now have one replica left, and a further fault could hit that replica.
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
