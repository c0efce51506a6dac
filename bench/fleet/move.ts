// What a move costs running streams: `node bench/fleet/move.ts [--model DIR] [--streams 8] [--gateways 3] [--delay 5]`. Four
// shards with two replicas of every expert, each under `--state`. With `--delay` they are that many milliseconds away, one way, so that
// the processes of this machine wait for the network instead of each other's cores. Under load all experts move with `expertgrid plan
// --apply`; then back, one shard killed in mid-move and started again; then a shard comes back with what it kept before.
// Texts must be those of an undisturbed run. The last line is JSON; exit code 1 if a target is missed.
import { cpSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { PlacedShard } from '../../infra/moves/placed-shards.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { formatAddress, parseAddress } from '../../rpc/address.ts';
import { startRelayThread } from '../../test/support/network/relay-thread.ts';
import { Gateway, startVerb, type Verb } from '../chaos/gateway.ts';
import { end, endAtSignals } from '../chaos/processes.ts';
import { table } from '../chaos/report.ts';
import { readRequests } from '../chaos/requests.ts';
import { type Gap, gapsOf, longestWithin, spreadOf } from '../chaos/stalls.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    streams: { type: 'string', default: '8' },
    gateways: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '400' },
    device: { type: 'string', default: 'cpu' },
    /** Of the way to each shard and back again, milliseconds each. */
    delay: { type: 'string', default: '0' },
    /** Of the run without moves. */
    seconds: { type: 'string', default: '10' },
  },
});

const NAMES = ['a', 'b', 'c', 'd'];
const KILLED = 2;
const STALE = 3;
/** Of the median time per token without moves, the longest gap may be so many. */
const LONGEST = 2;
const PATIENCE = 90_000;

interface Phase {
  name: string;
  window: Gap;
}

endAtSignals();
const model = modelDirectory(flags.model);
const manifest = await readManifest(model);
const { identity } = manifest;
const folder = mkdtempSync(join(tmpdir(), 'expertgrid-move-'));
const log = openSync(join(folder, 'processes.log'), 'a');
console.log(`logs of the processes: ${join(folder, 'processes.log')}`);

const quarters = split(manifest.experts[0]?.length ?? 0, NAMES.length);
/** Each shard holds two quarters, one further for each turn. */
const holdingsAt = (turn: number) =>
  NAMES.map((_, i) => [0, 1].map((next) => quarters[(i + turn + next) % NAMES.length]).join(','));
const stateOf = (shard: number) => join(folder, NAMES[shard] ?? '');

async function startShard(shard: number, port = 0): Promise<Verb> {
  const held = [
    '--experts',
    holdingsAt(0)[shard] ?? '',
    '--state',
    stateOf(shard),
    '--name',
    NAMES[shard] ?? '',
  ];
  const args = ['shard', '--model', model, '--port', `${port}`, '--device', flags.device, ...held];
  return await startVerb(args, /^shard ready on ([^\s,]+):/m, log);
}

const shards = await Promise.all(NAMES.map((_, shard) => startShard(shard)));
const addresses = shards.map(({ found }) => found);
const delayMs = Number(flags.delay);
/** One before each shard; none without a delay. */
const relays =
  delayMs > 0
    ? await Promise.all(addresses.map((address) => startRelayThread({ to: parseAddress(address), delayMs })))
    : [];
const farAddresses = delayMs > 0 ? relays.map(({ address }) => formatAddress(address)) : addresses;
const gateways = await Promise.all(
  Array.from({ length: Number(flags.gateways) }, () =>
    Gateway.start({ model, shards: farAddresses, flags: [], log }),
  ),
);

const answers: Answer[] = [];
// Short prompts and long answers: who waits for whose prompt is not what is measured.
const requests = (await readRequests(Number(flags.streams))).map(({ prompt, ...rest }) => {
  return { ...rest, prompt: prompt.split(' ').slice(0, 8).join(' '), max_tokens: Number(flags.tokens) };
});
let goesOn = true;
const streams = gateways.map(({ url }, i) => {
  // As even as it goes: 3, 3 and 2 of 8.
  const count = requests.filter((_, request) => request % gateways.length === i).length;
  const own = requests.map((_, request) => request).filter((request) => request % gateways.length === i);
  return runStreams({
    url,
    model: basename(model),
    requests: own.map((request) => requests[request]!),
    streams: count,
    onAnswer: (answer) => answers.push({ ...answer, request: own[answer.request] ?? -1 }),
    goesOn: () => goesOn,
  });
});

const phases: Phase[] = [];
async function during(name: string, act: () => Promise<void>): Promise<void> {
  process.stderr.write(`${name}\n`);
  const from = performance.now();
  await act();
  phases.push({ name, window: { from, to: performance.now() } });
  await delay(1_000);
}

async function apply(epoch: number, turn: number): Promise<void> {
  const file = join(folder, `placement-${epoch}.json`);
  const placed = Object.fromEntries(NAMES.map((name, i) => [name, holdingsAt(turn)[i]]));
  writeFileSync(file, JSON.stringify({ version: 1, model: identity, epoch, shards: placed }));
  const args = ['plan', '--apply', addresses.join(','), '--placement', file];
  const { child, found } = await startVerb(args, /^placement (\d+) is in place/m, log);
  await end(child, 'SIGTERM');
  if (Number(found) !== epoch) throw new Error(`placement ${found} was applied instead of ${epoch}`);
}

/** Waits until what the shard says of itself is as wanted. */
async function until(
  shard: number,
  holds: (report: { epoch: number; missing: number; surplus: number }) => boolean,
) {
  const asked = new PlacedShard(addresses[shard] ?? '', undefined);
  const patience = performance.now() + PATIENCE;
  for (;;) {
    const { models } = await asked.status();
    const report = models.find((each) => each.model === identity);
    if (report !== undefined && holds(report)) break;
    if (performance.now() > patience)
      throw new Error(`shard ${NAMES[shard]}: ${JSON.stringify(report)} for long`);
    await delay(25);
  }
  asked.close();
}

async function restart(shard: number, meanwhile: () => void): Promise<void> {
  const { child, found } = shards[shard]!;
  await end(child, 'SIGKILL');
  meanwhile();
  shards[shard] = await startShard(shard, Number(found.split(':')[1]));
}

await delay(3_000); // every stream is under way and warm
await during('undisturbed', () => delay(Number(flags.seconds) * 1_000));
// What a process costs the others by starting beside them, whatever it is for.
await during('a process starts', async () => {
  const { child } = await startVerb(['plan', '--help'], /^Usage: (\S+)/m, log);
  await end(child, 'SIGTERM');
});
await during('all experts change places', () => apply(1, 2));
cpSync(stateOf(STALE), `${stateOf(STALE)}-kept`, { recursive: true });
await during('back, a shard killed in mid-move', async () => {
  const applied = apply(2, 0);
  await until(KILLED, ({ epoch, missing }) => epoch === 2 && missing > 0);
  await restart(KILLED, () => {});
  await applied;
});
await during('a shard comes back with what it kept before', async () => {
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
  /** Of the phase, when its longest gap began. */
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
console.log(`longest gap while experts moved ${ratio.toFixed(2)}x the median without (at most ${LONGEST}x)`);
console.log(
  JSON.stringify({
    ...flags,
    requests: answers.length,
    failed: failed.length,
    compared,
    changed,
    ratio,
    met,
    phases: spreads,
  }),
);
process.exit(met ? 0 : 1);
