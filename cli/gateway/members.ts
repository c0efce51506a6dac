// The shards of a fleet as members: found by address, or run in this thread.

import { version } from '../../base/package.ts';
import { checkGoldens } from '../../experts/golden-checks.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { ShardService } from '../../experts/service.ts';
import type { Discovery } from '../../infra/discovery/discovery.ts';
import { isMapped, type Unit } from '../../model/devices/expert.ts';
import { openExpertDevice } from '../../model/devices/open.ts';
import type { OpenExpertsOptions } from '../../model/devices/options.ts';
import type { ReadAhead } from '../../model/reading/start-read-ahead.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { parseAddress } from '../../rpc/address.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';

export interface Members {
  members: Member[];
  /** Calls `set` with all members, now and whenever they have changed. */
  follow(set: (members: readonly Member[]) => void): void;
  dispose(): Promise<void>;
}

/** With `security`, both sides of each connection show credentials. Discovery and credentials are closed with the members. */
export function socketMembers(found: Discovery, security?: Credentials): Members {
  const toMember = (text: string): Member => {
    const address = parseAddress(text);
    const member = socketMember(address);
    if (security === undefined) return member;
    return { ...member, connect: (options) => openSocketTransport(address, { ...options, security }) };
  };
  return {
    members: found.addresses.map(toMember),
    follow(set) {
      found.follow((addresses) => set(addresses.map(toMember)));
      set(found.addresses.map(toMember));
    },
    dispose: async () => {
      found.stop();
      security?.close();
    },
  };
}

export interface LocalMembersOptions extends OpenExpertsOptions {
  /** If the device computes on the mapped file. */
  reading?: Pick<ReadAhead, 'serve'> | undefined;
}

/** One device holds all units; each entry of `holdings` is a shard of its own that uses the device. */
export async function localMembers(
  { reading, ...options }: LocalMembersOptions,
  holdings: readonly Unit[][],
  onLoaded: (done: number, total: number) => void,
): Promise<Members> {
  const { bundle } = options;
  const opened = await openExpertDevice(options);
  const device = reading !== undefined && isMapped(opened) ? reading.serve(opened) : opened;
  await device.load(holdings.flat(), { onLoaded: (_, done, total) => onLoaded(done, total) });
  await checkGoldens(bundle, device, holdings.flat());
  const members = holdings.map((units, index) => {
    const { handlers, run } = new ShardService({
      models: [{ device, model: modelOffer(bundle), units }],
      version,
    });
    return localMember(`in-process-${index}`, handlers, run);
  });
  return { members, follow() {}, dispose: () => device.dispose() };
}
