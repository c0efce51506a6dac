// Watches one shard over a connection like that of a gateway: the units that it holds and the placement that it follows.
// Connects again after a restart. Sends nothing but the hello, so that it does not slow the shard.
import { setTimeout as delay } from 'node:timers/promises';
import { type Placement, readPlacement, unitsOf } from '../../experts/placing/placement-file.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import { helloParams, PROTOCOL_VERSION, parseHelloAnswer } from '../../experts/wire/hello.ts';
import { type ModelShape, parseHoldingRanges } from '../../experts/wire/model.ts';
import { parsePlacementField } from '../../experts/wire/placement.ts';
import { parseAddress } from '../../rpc/address.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Params, Transport } from '../../rpc/transport.ts';

/** Pause before a watcher tries again to connect to a shard that is starting. */
const RECONNECT_MS = 20;

export class Watcher {
  readonly name: string;
  readonly #address: string;
  readonly #shape: ModelShape;
  readonly #onChange: () => void;
  #transport: Transport | undefined;
  #closed = false;
  /** `[layers * experts]`: 1 for each unit that the shard holds. While the shard is away, the values that it announced last. */
  held: Uint8Array;
  /** Undefined if the shard follows no placement. */
  placement: Placement | undefined;
  /** Whether the shard has ever announced its units. */
  seen = false;

  constructor(name: string, address: string, shape: ModelShape, onChange: () => void) {
    this.name = name;
    this.#address = address;
    this.#shape = shape;
    this.#onChange = onChange;
    this.held = new Uint8Array(shape.layers * shape.experts);
    void this.#stayConnected();
  }

  get connected(): boolean {
    return this.#transport !== undefined;
  }

  /** Whether the shard holds exactly the units of its placement. True if it follows no placement. */
  get hasArrived(): boolean {
    const { placement, held } = this;
    if (placement === undefined) return true;
    const units = unitsOf(placement, this.name, this.#shape) ?? [];
    const surplus = held.reduce((sum, is) => sum + is, 0) - units.length;
    return (
      surplus === 0 && units.every(({ layer, expert }) => held[layer * this.#shape.experts + expert] === 1)
    );
  }

  close(): void {
    this.#closed = true;
    this.#transport?.close();
  }

  async #stayConnected(): Promise<void> {
    while (!this.#closed) {
      const { promise: lost, resolve: onClose } = Promise.withResolvers<unknown>();
      let greeted = false;
      const early: [method: string, params: Params][] = [];
      try {
        const transport = await openSocketTransport(parseAddress(this.#address), {
          hello: helloParams({ protocol: PROTOCOL_VERSION, role: 'admin', version: 'bench' }),
          onClose,
          onNotification: (method, params) => {
            if (greeted) this.#hear(method, params);
            else early.push([method, params]);
          },
        });
        this.#transport = transport;
        const offer = parseHelloAnswer(transport.greeting).models[0];
        if (offer === undefined) throw new Error(`${this.name} offers no model`);
        this.#hold(offer.holdings);
        this.placement = offer.placement === undefined ? undefined : readPlacement(offer.placement);
        this.seen = true;
        greeted = true;
        for (const told of early) this.#hear(...told);
        this.#onChange();
        await lost;
        this.#transport = undefined;
        this.#onChange();
      } catch {
        await delay(RECONNECT_MS); // the shard is not ready yet
      }
    }
  }

  #hear(method: string, params: Params): void {
    if (method === 'holdings') this.#hold(parseHoldingRanges(params, this.#shape));
    else if (method === 'placement') this.placement = readPlacement(parsePlacementField(params));
    else return;
    this.#onChange();
  }

  #hold(ranges: readonly HoldingRange[]): void {
    const { experts } = this.#shape;
    this.held = new Uint8Array(this.held.length);
    for (const [layer, first, last] of ranges)
      this.held.fill(1, layer * experts + first, layer * experts + last + 1);
  }
}

/** Number of units that none of the shards holds. */
export function orphansOf(watchers: readonly Watcher[]): number {
  const [first] = watchers;
  if (first === undefined) return 0;
  return first.held.reduce((sum, _, unit) => {
    return sum + (watchers.some(({ held }) => held[unit] === 1) ? 0 : 1);
  }, 0);
}
