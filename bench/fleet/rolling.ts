// `node bench/fleet/rolling.ts [--rounds 2] [--streams 8] [--model nano]`: restarts every shard and every gateway of a
// fleet in turn with SIGTERM, as a deployment does, while text streams through both gateways. Then kills a gateway with
// SIGKILL. Each expert has two replicas. Counts how every stream ended. The last line is JSON. The exit code is 1 if a
// stream hung, if a text changed, or if a stream broke off without an error before the SIGKILL.
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { parseAddress } from '../../rpc/address.ts';
import { Gateway, startShard } from '../chaos/gateway.ts';
import { end, endAtSignals, openLog } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';
import { readFlags } from '../flags.ts';

const flags = readFlags({
  rounds: '2',
  /** Number of streams of both gateways together. */
  streams: '8',
  model: 'nano',
});

const EXPERTS = ['0-47', '48-95', '0-47', '48-95'];
const GATEWAYS = 2;
/** A stream that gets no byte for longer counts as hung. Every deadline of gateway and shards is shorter. */
const HUNG_MS = 40_000;

type Phase = 'quiet' | 'shards' | 'gateways' | 'killed gateway';
/** `refused`: no byte came. `told`: an error event ended it. `broken`: it ended without an error event. */
type Ending = 'whole' | 'refused' | 'told' | 'broken' | 'hung';

endAtSignals();
const model = modelDirectory(flags.model);
const { log } = openLog('rolling');
const requests = await readRequests(12);

let phase: Phase = 'quiet';
let over = false;
const none = () => ({ whole: 0, refused: 0, told: 0, broken: 0, hung: 0 });
const counts: Record<Phase, Record<Ending, number>> = {
  quiet: none(),
  shards: none(),
  gateways: none(),
  'killed gateway': none(),
};
const details = new Set<string>();
const texts = new Map<number, string>();
let changed = 0;

function endingOf({ outcome, times, detail = '' }: Answer): Ending {
  if (outcome !== 'failed') return outcome;
  if (times.length === 0 && /^503|ECONNREFUSED|ECONNRESET|socket hang up/.test(detail)) return 'refused';
  return /without \[DONE\]|aborted|ECONNRESET/.test(detail) ? 'broken' : 'told';
}

function onAnswer(answer: Answer): void {
  const ending = endingOf(answer);
  counts[phase][ending]++;
  if (ending !== 'whole') details.add(`${phase}: ${ending}: ${answer.detail?.slice(0, 160)}`);
  else if ((texts.get(answer.request) ?? answer.text) !== answer.text) changed++;
  else texts.set(answer.request, answer.text);
}

const start = (experts: string, port: number) =>
  startShard({ model, port, log, flags: ['--threads', '1', '--experts', experts] });
const shards = await Promise.all(EXPERTS.map((experts) => start(experts, 0)));
const addresses = shards.map(({ found }) => found);
const startGateway = (port: string) => Gateway.start({ model, shards: addresses, port, log });
const gateways = await Promise.all(Array.from({ length: GATEWAYS }, () => startGateway('0')));

const streams = gateways.map(({ url }) =>
  runStreams({
    url,
    model: flags.model,
    requests,
    streams: Number(flags.streams) / GATEWAYS,
    hungMs: HUNG_MS,
    onAnswer,
    goesOn: () => !over,
  }),
);
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
/** Pause before the first restart and after the last. */
const QUIET_MS = 3_000;

await delay(QUIET_MS);
for (let round = 1; round <= Number(flags.rounds); round++) {
  phase = 'shards';
  for (const [index, experts] of EXPERTS.entries()) {
    const since = performance.now();
    const { child, found: address } = shards[index]!;
    await end(child, 'SIGTERM', 60_000);
    shards[index] = await start(experts, parseAddress(address).port);
    for (const gateway of gateways) {
      if (await gateway.comesToServe(address, 60_000)) continue;
      throw new Error(`${gateway.url} did not take ${address} into service within 60 s of its restart`);
    }
    console.log(`round ${round}: shard ${index + 1} restarted in ${seconds(since)}`);
  }
  phase = 'gateways';
  for (const [index, gateway] of gateways.entries()) {
    const since = performance.now();
    await gateway.close('SIGTERM');
    gateways[index] = await startGateway(new URL(gateway.url).port);
    console.log(`round ${round}: gateway ${index + 1} restarted in ${seconds(since)}`);
  }
}
phase = 'quiet';
await delay(QUIET_MS);
phase = 'killed gateway';
await gateways[0]?.close('SIGKILL');
await delay(QUIET_MS);
over = true;
await Promise.all(streams);
for (const gateway of gateways) await gateway.close('SIGTERM');
for (const { child } of shards) await end(child, 'SIGTERM');

for (const detail of details) console.log(detail);
console.table(counts);
const all = Object.entries(counts);
const hung = all.reduce((sum, [, { hung }]) => sum + hung, 0);
const broken = all.reduce((sum, [name, each]) => sum + (name === 'killed gateway' ? 0 : each.broken), 0);
console.log(JSON.stringify({ counts, texts: texts.size, changed, hung, broken }));
process.exitCode = hung + broken + changed === 0 ? 0 : 1;
