// `node bench/fleet/rolling.ts [--rounds 2] [--streams 8] [--model nano]`: restarts every shard and every gateway of a fleet
// in turn with SIGTERM, as a deployment does, while text streams through both gateways; then kills a gateway with SIGKILL.
// Each expert has two replicas. Counts how every stream ended. The last line is JSON; the exit code is 1 if a stream hung,
// if a text changed, or if a stream broke off without an error before the SIGKILL.
import { mkdtempSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { Gateway, startVerb } from '../chaos/gateway.ts';
import { end, endAtSignals } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
    /** Over both gateways. */
    streams: { type: 'string', default: '8' },
    model: { type: 'string', default: 'nano' },
  },
});

const EXPERTS = ['0-47', '48-95', '0-47', '48-95'];
const GATEWAYS = 2;
/** A stream without a byte for longer hangs: every wait of the product has ended by then. */
const HUNG_MS = 40_000;

type Phase = 'quiet' | 'shards' | 'gateways' | 'killed gateway';
/** `refused`: before its first byte, so that a client asks elsewhere. `told`: ended by an error event. */
type Ending = 'whole' | 'refused' | 'told' | 'broken' | 'hung';

endAtSignals();
const model = modelDirectory(flags.model);
const logs = join(mkdtempSync(join(tmpdir(), 'expertgrid-rolling-')), 'processes.log');
console.log(`logs of the processes: ${logs}`);
const log = openSync(logs, 'a');
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

async function startShard(experts: string, port: number) {
  const args = ['shard', '--model', model, '--port', `${port}`, '--threads', '1', '--experts', experts];
  return await startVerb(args, /^shard ready on [^\s]+?:(\d+)[\s:,]/m, log);
}

const shards = await Promise.all(EXPERTS.map((experts) => startShard(experts, 0)));
const addresses = shards.map(({ found }) => `127.0.0.1:${found}`);
const startGateway = (port: string) =>
  Gateway.start({ model, shards: addresses, flags: ['--port', port], log });
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
/** Milliseconds before and after the restarts. */
const QUIET_MS = 3_000;

await delay(QUIET_MS);
for (let round = 1; round <= Number(flags.rounds); round++) {
  phase = 'shards';
  for (const [index, experts] of EXPERTS.entries()) {
    const since = performance.now();
    const shard = shards[index];
    const address = addresses[index];
    if (shard === undefined || address === undefined) throw new Error(`no shard ${index}`);
    await end(shard.child, 'SIGTERM', 60_000);
    shards[index] = await startShard(experts, Number(shard.found));
    for (const gateway of gateways) {
      if (!(await gateway.comesToServe(address, 60_000))) throw new Error(`${address} is not taken back`);
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
