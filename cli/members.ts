// The shards of a fleet as members: by address, or run in this very thread.
import { parseHoldings } from '../experts/holdings.ts';
import { createShardService } from '../experts/service.ts';
import type { Unit } from '../model/devices/expert.ts';
import { type OpenExpertsOptions, openExpertDevice } from '../model/devices/open.ts';
import { readAhead } from '../model/read-ahead.ts';
import { localMember, type Member, socketMember } from '../router/member.ts';
import { parseAddress } from '../rpc/address.ts';
import { modelOffer } from './offer.ts';
import { version } from './version.ts';

export interface Members {
  members: Member[];
  dispose(): Promise<void>;
}

export function socketMembers(addresses: readonly string[]): Members {
  return {
    members: addresses.map((address) => socketMember(parseAddress(address))),
    dispose: async () => {},
  };
}

/** One device holds all units; each entry of `holdings` is a shard of its own in front of it. */
export async function localMembers(
  options: OpenExpertsOptions,
  holdings: readonly string[],
  onLoaded: (done: number, total: number) => void,
  onDamaged: (error: Error) => void,
): Promise<Members> {
  const { bundle } = options;
  const device = openExpertDevice(options);
  const shards = holdings.map((text) => parseHoldings(text, bundle.config));
  await device.load(shards.flat(), { onLoaded: (_, done, total) => onLoaded(done, total) });
  const members = shards.map((units, index) => {
    const { handlers } = createShardService({ device, model: modelOffer(bundle), units, version });
    return localMember(`in-process-${index}`, handlers);
  });
  const leaving = new AbortController();
  if (device.mapIn !== undefined) {
    const onSound = (unit: Unit) => device.mapIn?.(unit);
    readAhead(bundle, shards.flat(), { signal: leaving.signal, onSound }).catch(onDamaged);
  }
  return {
    members,
    async dispose() {
      leaving.abort();
      await device.dispose();
    },
  };
}
