// The shards of a fleet as members: by address, or run in this very thread.
import { createShardService } from '../experts/service.ts';
import type { Unit } from '../model/devices/expert.ts';
import { type OpenExpertsOptions, openExpertDevice } from '../model/devices/open.ts';
import { localMember, type Member, socketMember } from '../router/member.ts';
import { parseAddress } from '../rpc/address.ts';
import { modelOffer } from './offer.ts';
import type { ReadAhead } from './start-read-ahead.ts';
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

export interface LocalMembersOptions extends OpenExpertsOptions {
  /** Where the device computes on the mapped file. */
  reading?: Pick<ReadAhead, 'serve'> | undefined;
}

/** One device holds all units; each entry of `holdings` is a shard of its own in front of it. */
export async function localMembers(
  { reading, ...options }: LocalMembersOptions,
  holdings: readonly Unit[][],
  onLoaded: (done: number, total: number) => void,
): Promise<Members> {
  const { bundle } = options;
  const opened = openExpertDevice(options);
  const device = reading?.serve(opened) ?? opened;
  await device.load(holdings.flat(), { onLoaded: (_, done, total) => onLoaded(done, total) });
  const members = holdings.map((units, index) => {
    const { handlers, run } = createShardService({ device, model: modelOffer(bundle), units, version });
    return localMember(`in-process-${index}`, handlers, run);
  });
  return { members, dispose: () => device.dispose() };
}
