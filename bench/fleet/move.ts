// What a move costs running streams: `node bench/fleet/move.ts [--model DIR] [--streams 8] [--gateways 3] [--delay 5]`.
// Four shards hold two replicas of every expert, each shard under `--state`. The run has these phases while text streams:
// 1. All experts move with `expertgrid plan --apply`.
// 2. All experts move back. In mid-move one shard is killed and started again.
// 3. A shard comes back with the state of an earlier placement.
// With `--delay`, a message to or from a shard takes that many milliseconds, so that processes wait for the network and
// not for a core that another process uses. All texts must be equal to those of a run without moves. The last line is
// JSON; exit code 1 if a target is missed.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { PlacedShard } from '../../infra/moves/placed-shards.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { formatAddress, parseAddress } from '../../rpc/address.ts';
import { startRelayThread } from '../../test/support/network/relay-thread.ts';
import { Gateway, startShard, startVerb, type Verb } from '../chaos/gateway.ts';
import { end, endAtSignals, openLog } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import { type Gap, gapsOf, longestWithin, spreadOf } from '../chaos/stalls.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';

const flags = readFlags({
  model: 'nano',
  /** Number of streams of all gateways together. */
  streams: '8',
  gateways: '3',
  tokens: '400',
  device: 'cpu',
  /** Milliseconds that a message to or from a shard takes. */
  delay: '0',
  /** Length of the phase without moves. */
  seconds: '10',
});

const NAMES = ['a', 'b', 'c', 'd'];
/** Indexes of the shard that is killed in mid-move, and of the shard that comes back with an earlier state. */
const KILLED = 2;
const STALE = 3;
/** Target for the longest gap while experts move, divided by the median gap without moves. */
const LONGEST = 2;
/** A shard that has not reached the expected state after this time has failed. */
const PATIENCE_MS = 90_000;

interface Phase {
  name: string;
  window: Gap;
}

endAtSignals();
const model = modelDirectory(flags.model);
const manifest = await readManifest(model);
const { identity } = manifest;
const { folder, log } = openLog('move');

const quarters = split(manifest.experts[0]?.length ?? 0, NAMES.length);
/** Experts of each shard: two of the four quarters of all experts. The next `turn` shifts them by one quarter. */
const holdingsAt = (turn: number) =>
  NAMES.map((_, i) => [0, 1].map((next) => quarters[(i + turn + next) % NAMES.length]).join(','));
const stateOf = (shard: number) => join(folder, NAMES[shard] ?? '');

function start(shard: number, port = 0): Promise<Verb> {
  const held = ['--experts', holdingsAt(0)[shard] ?? '', '--state', stateOf(shard)];
  const named = ['--name', NAMES[shard] ?? '', '--device', flags.device];
  return startShard({ model, port, flags: [...held, ...named], log });
}

const shards = await Promise.all(NAMES.map((_, shard) => start(shard)));
const addresses = shards.map(({ found }) => found);
const delayMs = Number(flags.delay);
/** A relay before each shard; none without a delay. */
const relays =
  delayMs > 0
    ? await Promise.all(addresses.map((address) => startRelayThread({ to: parseAddress(address), delayMs })))
    : [];
const farAddresses = delayMs > 0 ? relays.map(({ address }) => formatAddress(address)) : addresses;
const gateways = await Promise.all(
  Array.from({ length: Number(flags.gateways) }, () => Gateway.start({ model, shards: farAddresses, log })),
);

const answers: Answer[] = [];
// Prompts are short and answers are long, so that streams seldom wait for the prompts of others.
const requests = (await readRequests(Number(flags.streams))).map(({ prompt, ...rest }) => {
  return { ...rest, prompt: prompt.split(' ').slice(0, 8).join(' '), max_tokens: Number(flags.tokens) };
});
let goesOn = true;
const streams = gateways.map(({ url }, i) => {
  // Streams are spread evenly over the gateways: 3 gateways get 3, 3 and 2 of 8 streams.
  const own = requests.map((_, request) => request).filter((request) => request % gateways.length === i);
  return runStreams({
    url,
    model: basename(model),
    requests: own.map((request) => requests[request]!),
    streams: own.length,
    onAnswer: (answer) => answers.push({ ...answer, request: own[answer.request] ?? -1 }),
    goesOn: () => goesOn,
  });
});

const phases: Phase[] = [];
/** Runs `act` as a phase, and then waits a second. */
async function during(name: string, act: () => Promise<void>): Promise<void> {
  process.stderr.write(`${name}\n`);
  const from = performance.now();
  await act();
  phases.push({ name, window: { from, to: performance.now() } });
  await delay(1_000);
}

/** Applies `holdingsAt(turn)` as the placement of this epoch. */
async function apply(epoch: number, turn: number): Promise<void> {
  const file = join(folder, `placement-${epoch}.json`);
  const placed = Object.fromEntries(NAMES.map((name, i) => [name, holdingsAt(turn)[i]]));
  writeFileSync(file, JSON.stringify({ version: 1, model: identity, epoch, shards: placed }));
  const args = ['plan', '--apply', addresses.join(','), '--placement', file];
  const { child, found } = await startVerb(args, /^placement (\d+) is in place/m, log);
  await end(child, 'SIGTERM');
  if (Number(found) !== epoch) throw new Error(`placement ${found} was applied instead of ${epoch}`);
}

/** Resolves when `holds` accepts the report of the shard. */
async function until(
  shard: number,
  holds: (report: { epoch: number; missing: number; surplus: number }) => boolean,
) {
  const asked = new PlacedShard(addresses[shard] ?? '', undefined);
  const patience = performance.now() + PATIENCE_MS;
  for (;;) {
    const { models } = await asked.status();
    const report = models.find((each) => each.model === identity);
    if (report !== undefined && holds(report)) break;
    if (performance.now() > patience)
      throw new Error(
        `shard ${NAMES[shard]} still reports ${JSON.stringify(report)} after ${PATIENCE_MS / 1_000} s`,
      );
    await delay(25);
  }
  asked.close();
}

/** Kills the shard and starts it again at its address. `meanwhile` is called after the kill and before the start. */
async function restart(shard: number, meanwhile = () => {}): Promise<void> {
  const { child, found } = shards[shard]!;
  await end(child, 'SIGKILL');
  meanwhile();
  shards[shard] = await start(shard, parseAddress(found).port);
}

await delay(3_000); // until every stream is running and warm
await during('undisturbed', () => delay(Number(flags.seconds) * 1_000));
// For comparison: the start of any process slows the others.
await during('a process starts', async () => {
  const { child } = await startVerb(['plan', '--help'], /^Usage: (\S+)/m, log);
  await end(child, 'SIGTERM');
});
await during('all experts change places', () => apply(1, 2));
cpSync(stateOf(STALE), `${stateOf(STALE)}-kept`, { recursive: true });
await during('back, a shard killed in mid-move', async () => {
  const applied = apply(2, 0);
  await until(KILLED, ({ epoch, missing }) => epoch === 2 && missing > 0);
  await restart(KILLED);
  await applied;
});
await during('a shard comes back with an earlier state', async () => {
  await restart(STALE, () => {
    rmSync(stateOf(STALE), { recursive: true });
    cpSync(`${stateOf(STALE)}-kept`, stateOf(STALE), { recursive: true });
  });
  await until(STALE, ({ epoch, missing, surplus }) => epoch === 2 && missing + surplus === 0);
});
goesOn = false;
await Promise.all(streams);
await Promise.all(gateways.map((gateway) => gateway.close()));
await Promise.all(shards.map(({ child }) => end(child, 'SIGTERM')));
await Promise.all(relays.map((relay) => relay.close()));

const failed = answers.filter(({ outcome }) => outcome !== 'whole');
for (const { detail, outcome } of failed.slice(0, 3)) console.log(`${outcome}: ${detail}`);
const texts = Map.groupBy(
  answers.filter(({ outcome }) => outcome === 'whole'),
  ({ request }) => request,
);
const undisturbedTo = phases[1]?.window.to ?? 0;
let changed = 0;
let compared = 0;
for (const ofRequest of texts.values()) {
  const [first] = ofRequest;
  for (const { text, endedAt } of ofRequest) {
    if (text !== first?.text) changed++;
    if (endedAt > undisturbedTo) compared++;
  }
}
const gaps = answers.flatMap(({ times }) => gapsOf(times));
const spreads = phases.map(({ name, window }) => {
  const within = gaps.filter(({ from, to }) => from < window.to && to > window.from);
  const lengths = within.map(({ from, to }) => to - from);
  const longest = within[lengths.indexOf(Math.max(...lengths))];
  /** Seconds from the start of the phase to its longest gap. */
  const longestAt = ((longest?.from ?? Number.NaN) - window.from) / 1_000;
  return { name, seconds: (window.to - window.from) / 1_000, ...spreadOf(lengths), longestAt };
});
const median = spreads[0]?.p50 ?? Number.NaN;
const longest = Math.max(...phases.slice(2).map(({ window }) => longestWithin(gaps, window) ?? 0));
const row = ({ name, seconds, count, p50, p99, max, longestAt }: (typeof spreads)[number]) => {
  const ratio = `${(max / median).toFixed(2)}x`;
  const times = [p50, p99, max].map((ms) => ms.toFixed(1));
  return [name, seconds.toFixed(1), String(count), ...times, ratio, longestAt.toFixed(1)];
};
console.log(
  table(['phase', 's', 'gaps', 'p50 ms', 'p99', 'longest', 'of median', 'at s'], spreads.map(row)).join('\n'),
);
const ratio = longest / median;
const met = failed.length === 0 && changed === 0 && ratio <= LONGEST;
console.log(
  `${answers.length} requests, ${failed.length} failed; ${compared} texts compared, ${changed} changed`,
);
console.log(
  `longest gap while experts moved: ${ratio.toFixed(2)}x the median gap without moves (at most ${LONGEST}x)`,
);
const counts = { requests: answers.length, failed: failed.length, compared, changed };
console.log(JSON.stringify({ ...flags, ...counts, ratio, met, phases: spreads }));
process.exit(met ? 0 : 1);
