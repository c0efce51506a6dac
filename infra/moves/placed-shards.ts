// Connects to the shards of a fleet as an operator: reads their names, holdings and placements, and sends placements.
import { version } from '../../base/package.ts';
import { type PlaceStatus, parsePlacedReport, parsePlaceStatus } from '../../experts/admin.ts';
import type { PlacedReport } from '../../experts/placing/placed-model.ts';
import { placementText, readPlacement, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { PlacementId } from '../../experts/placing/placement-id.ts';
import { helloParams, PROTOCOL_VERSION, parseHelloAnswer } from '../../experts/wire/hello.ts';
import type { ModelOffer } from '../../experts/wire/model.ts';
import { adoptionParams } from '../../experts/wire/placement.ts';
import { parseAddress } from '../../rpc/address.ts';
import type { Security } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Transport } from '../../rpc/transport.ts';

/** Deadline of each call. */
const CALL_MS = 10_000;

export class PlacedShard {
  readonly address: string;
  readonly #security: Security | undefined;
  #transport: Transport | undefined;
  #offers: readonly ModelOffer[] = [];
  /** Hash of the placement that was last announced as served on this connection. */
  #announced: string | undefined;

  constructor(address: string, security: Security | undefined) {
    this.address = address;
    this.#security = security;
  }

  /** The offer in the shard's answer to hello. */
  offerOf(model: string): ModelOffer | undefined {
    return this.#offers.find(({ identity }) => identity === model);
  }

  /** The placement that the shard followed when this connection was opened. */
  placementOf(model: string): SignedPlacement | undefined {
    const text = this.offerOf(model)?.placement;
    return text === undefined ? undefined : readPlacement(text);
  }

  async status(): Promise<PlaceStatus> {
    const transport = await this.#connected();
    return parsePlaceStatus(await transport.call('shard.status', {}, { deadlineMs: CALL_MS }));
  }

  /** Resolves when the shard has stored the placement. `from`: the placement from which it was planned. */
  async place(placement: SignedPlacement, from?: PlacementId): Promise<PlacedReport> {
    const transport = await this.#connected();
    const params = { placement: placementText(placement), ...(from && { from: { ...from } }) };
    return parsePlacedReport(await transport.call('shard.place', params, { deadlineMs: CALL_MS }));
  }

  /** Announces to the shard, once on each connection, that every unit of the placement is served. */
  async announceServed(model: string, placement: PlacementId): Promise<void> {
    const transport = await this.#connected();
    if (this.#announced === placement.hash) return;
    await transport.call('shard.adopted', adoptionParams({ model, placement }), { deadlineMs: CALL_MS });
    this.#announced = placement.hash;
  }

  close(): void {
    this.#transport?.close();
    this.#transport = undefined;
  }

  async #connected(): Promise<Transport> {
    if (this.#transport !== undefined) return this.#transport;
    const transport = await openSocketTransport(parseAddress(this.address), {
      hello: helloParams({ protocol: PROTOCOL_VERSION, role: 'admin', version }),
      onClose: () => {
        this.#transport = undefined;
      },
      security: this.#security,
    });
    this.#transport = transport;
    this.#offers = parseHelloAnswer(transport.greeting).models;
    this.#announced = undefined;
    return transport;
  }
}

export interface FoundShard {
  shard: PlacedShard;
  status: PlaceStatus;
}

/** Rejects if a shard cannot be reached (the error has its address), or if two shards have the same name (the error has the name). */
export async function findShards(
  addresses: readonly string[],
  security: Security | undefined,
): Promise<FoundShard[]> {
  const shards = addresses.map((address) => new PlacedShard(address, security));
  try {
    return await askEach(shards);
  } catch (error) {
    for (const shard of shards) shard.close();
    throw error;
  }
}

async function askEach(shards: readonly PlacedShard[]): Promise<FoundShard[]> {
  const asking = shards.map(async (shard): Promise<FoundShard> => {
    const status = await shard.status().catch((cause: Error) => {
      throw new Error(`${shard.address} did not answer which experts it holds: ${cause.message}`, { cause });
    });
    return { shard, status };
  });
  await Promise.allSettled(asking); // otherwise a shard could connect after `findShards` has closed all
  const found = await Promise.all(asking);
  const names = found.map(({ status }) => status.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two shards are called ${twice}; give each a --name of its own`);
  return found;
}
