// Makes what the router needs for a fleet: its members (shards that are remote or run in this thread), and golden rows to check
// their answers.
import { version } from '../../base/package.ts';
import { checkGoldens } from '../../experts/golden-checks.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { ShardService } from '../../experts/service.ts';
import type { Discovery } from '../../infra/discovery/discovery.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { agrees } from '../../model/bundle/golden-agreement.ts';
import { openGoldens } from '../../model/bundle/goldens.ts';
import { isMapped, type Unit } from '../../model/devices/expert.ts';
import { openExpertDevice } from '../../model/devices/open.ts';
import type { OpenExpertsOptions } from '../../model/devices/options.ts';
import type { ReadAhead } from '../../model/reading/start-read-ahead.ts';
import type { Goldens } from '../../router/shards/golden-checks.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { parseAddress } from '../../rpc/address.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';

export interface SocketMembers {
  /** Calls `set` with all members, now and after each change. */
  follow(set: (members: readonly Member[]) => void): void;
  close(): void;
}

export interface LocalMembers {
  members: readonly Member[];
  dispose(): Promise<void>;
}

/** With `security`, connections use these credentials. `close` also closes the discovery and the credentials. */
export function socketMembers(found: Discovery, security?: Credentials): SocketMembers {
  const toMember = (text: string): Member => {
    const address = parseAddress(text);
    const member = socketMember(address);
    if (security === undefined) return member;
    return { ...member, connect: (options) => openSocketTransport(address, { ...options, security }) };
  };
  return {
    follow(set) {
      found.follow((addresses) => set(addresses.map(toMember)));
      set(found.addresses.map(toMember));
    },
    close() {
      found.stop();
      security?.close();
    },
  };
}

/** Each entry of `holdings` becomes a shard. All shards use one device, which holds all units. */
export async function localMembers(
  options: OpenExpertsOptions,
  /** Undefined if the device does not compute on the mapped file. */
  reading: ReadAhead | undefined,
  holdings: readonly Unit[][],
  onLoaded: (done: number, total: number) => void,
): Promise<LocalMembers> {
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
  return { members, dispose: () => device.dispose() };
}

/** Returns undefined if the bundle has no golden rows. */
export async function fleetGoldens(bundle: Bundle): Promise<Goldens | undefined> {
  const goldens = await openGoldens(bundle);
  if (goldens === undefined) return undefined;
  const { manifest, bits } = bundle;
  return {
    covers: ({ content }) => content === manifest.contentHash,
    input: (layer) => goldens.input(layer),
    async fault(answer, { layer, expert }, numericsClass) {
      const sameClass = numericsClass === goldens.numericsClass;
      return agrees(answer, await goldens.answer(layer, expert), { sameClass, bits });
    },
  };
}
