// Entry of a shard process that its parent can make misbehave over IPC: `shard.ts MODEL EXPERTS`. Service, server and
// device are those of `expertgrid shard`.
import { modelOffer } from '../../experts/held-model.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { ShardService } from '../../experts/service.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { mapInUnits } from '../../model/devices/expert.ts';
import { openExpertDevice } from '../../model/devices/open.ts';
import { listen } from '../../rpc/socket/server.ts';
import { type Behaviour, type Counts, Misbehaviour } from './misbehaviour.ts';

export type ShardOrder = { type: 'behave'; behaviour: Behaviour } | { type: 'count' };

/** Each order is answered with the counts of the behaviour that was set when the order arrived. */
export type ShardReport = { type: 'ready'; port: number } | { type: 'counts'; counts: Counts };

/** After SIGTERM, calls in flight get this long to end. */
const DRAIN_MS = 10_000;

const [directory, experts] = process.argv.slice(2);
if (directory === undefined || experts === undefined) throw new Error('usage: shard.ts MODEL EXPERTS');

process.on('SIGINT', () => {}); // the parent handles Ctrl-C of a terminal
process.once('disconnect', () => process.exit(0));

const bundle = await openBundle(directory);
const units = parseHoldings(experts, unitShape(bundle.config));
const device = await openExpertDevice({ bundle, threads: 1 });
await device.load(units);
mapInUnits(device, units);

const misbehaviour = new Misbehaviour();
const service = new ShardService({
  models: [{ device: misbehaviour.device(device), model: modelOffer(bundle), units }],
  version: 'chaos',
});
const server = await listen({ handlers: misbehaviour.handlers(service.handlers) });

process.on('message', (order: ShardOrder) => {
  const counts = { ...misbehaviour.counts };
  if (order.type === 'behave') misbehaviour.set(order.behaviour);
  report({ type: 'counts', counts });
});
process.once('SIGTERM', async () => {
  service.drain();
  await server.close({ graceMs: DRAIN_MS });
  process.exit(0);
});
report({ type: 'ready', port: server.address.port });

function report(message: ShardReport): void {
  process.send?.(message);
}
