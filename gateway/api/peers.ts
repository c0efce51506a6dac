// The other gateways over the same shards: which of them live, and the passing on of a request whose prompt one of them has
// likelier computed before. Knows no shards and no tokens' meaning.

import { ApiError } from './errors.ts';
import { prefixKey, rendezvous } from './rendezvous.ts';
import type { Plan } from './respond.ts';

/** Where a request that was passed on says so: it is answered where it arrives. */
export const FORWARDED = 'x-expertgrid-forwarded';

/** Told by GET /peer. */
export interface PeerCard {
  /** Drawn when the process starts: two addresses with one instance are one gateway. */
  instance: string;
  models: string[];
}

export interface PeersOptions {
  card: PeerCard;
  /** `host:port` of all gateways as they are known now; this one may be among them. */
  addresses: () => readonly string[];
  log: (message: string) => void;
  everyMs?: number;
  /** A peer that takes longer to answer is not alive. */
  patienceMs?: number;
  fetch?: typeof fetch;
}

interface Peer extends PeerCard {
  /** Its instance: what its share of the prompts hangs on. */
  name: string;
  address: string;
}

/** Headers that are the connection's own. */
const ownHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'upgrade'];

export class Peers {
  readonly #options: Required<PeersOptions>;
  #alive: readonly Peer[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PeersOptions) {
    this.#options = { everyMs: 2_000, patienceMs: 1_000, fetch, ...options };
    void this.#look();
  }

  get alive(): readonly { address: string; instance: string }[] {
    return this.#alive;
  }

  /** The address of the peer that the key belongs to; undefined where that is this gateway. */
  ownerOf(key: string, model: string): string | undefined {
    const self = { name: this.#options.card.instance, address: undefined };
    const others = this.#alive.filter(({ models }) => models.includes(model));
    return rendezvous(key, [self, ...others]).address;
  }

  /** The peer's answer, streamed; undefined where it could not be asked: then it counts as gone, and the work is one's own. */
  async pass(address: string, { path, headers, body, signal }: Passed): Promise<Response | undefined> {
    const sent = new Headers(headers);
    for (const name of ownHeaders) sent.delete(name);
    sent.set(FORWARDED, this.#options.card.instance);
    try {
      const url = `http://${address}${path}`;
      const answer = await this.#options.fetch(url, { method: 'POST', headers: sent, body, signal });
      const received = new Headers(answer.headers);
      for (const name of ownHeaders) received.delete(name);
      received.delete('content-encoding'); // fetch has decoded it
      received.set('x-expertgrid-gateway', address);
      const { body: stream, status } = answer;
      return new Response(stream && endedWell(stream, received, address), { status, headers: received });
    } catch (cause) {
      if (signal.aborted) throw cause;
      this.#alive = this.#alive.filter((peer) => peer.address !== address);
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#options.log(`gateway ${address} could not be asked, its prompts are computed here: ${reason}`);
      return undefined;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { addresses, card, everyMs } = this.#options;
    const found = await Promise.all(addresses().map((address) => this.#ask(address)));
    const self = card.instance;
    const others = found.filter((peer) => peer !== undefined).filter(({ instance }) => instance !== self);
    this.#alive = others.filter(
      ({ instance }, i) => others.findIndex((each) => each.instance === instance) === i,
    );
    this.#timer = setTimeout(() => void this.#look(), everyMs).unref();
  }

  async #ask(address: string): Promise<Peer | undefined> {
    const { patienceMs } = this.#options;
    try {
      const signal = AbortSignal.timeout(patienceMs);
      const response = await this.#options.fetch(`http://${address}/peer`, { signal });
      const { instance, models } = (await response.json()) as Partial<PeerCard>;
      if (!response.ok || typeof instance !== 'string' || !Array.isArray(models)) return undefined;
      return { name: instance, address, instance, models };
    } catch {
      return undefined; // not there now; it is asked again
    }
  }
}

/**
 * The answer of the gateway that the prompt belongs to; undefined where that is this one, or it cannot be asked. The request
 * names the version that was drawn here, so that an alias is drawn once.
 */
export async function passOn(
  { url, headers, signal }: Request,
  peers: Peers,
  { fields, model, planned, salt }: { fields: object; model: string; planned: Plan; salt: string },
): Promise<Response | undefined> {
  if (headers.has(FORWARDED)) return undefined;
  const { prompts } = planned;
  const key = prefixKey(model, prompts[0]?.prompt ?? [], salt);
  const address = key && peers.ownerOf(key, model);
  if (address === undefined) return undefined;
  const body = JSON.stringify({ ...fields, model });
  return await peers.pass(address, { path: new URL(url).pathname, headers, body, signal });
}

export interface Passed {
  path: string;
  headers: Headers;
  body: string;
  signal: AbortSignal;
}

/** A stream of events that breaks ends with an error event, as one of our own would. */
function endedWell(body: ReadableStream<Uint8Array>, headers: Headers, address: string) {
  if (!headers.get('content-type')?.startsWith('text/event-stream')) return body;
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const message = `The gateway ${address} that computed this answer was lost: ${reason}`;
        const { envelope } = new ApiError({
          status: 502,
          message,
          type: 'server_error',
          code: 'gateway_lost',
        });
        controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(envelope)}\n\n`));
        controller.close();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
