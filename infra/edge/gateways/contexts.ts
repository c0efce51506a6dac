// The context lengths of the models that the gateways serve, which bound the tokens of a request.
import { readWhole } from '../ask.ts';
import { anyone } from '../call.ts';
import type { Shared } from '../send.ts';
import { randomHex } from '../sign.ts';

/** After this time the gateways are asked again. */
const KNOWN_MS = 60_000;
const PATIENCE_MS = 2_000;
const LARGEST_LIST = 1024 * 1024;
/** Assumed while no gateway has told its models. */
const UNKNOWN_CONTEXT = 131_072;

export class Contexts {
  readonly #shared: Pick<Shared, 'ask' | 'sign' | 'hashing' | 'region' | 'gateways'>;
  #known: ReadonlyMap<string, number> = new Map();
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(shared: Pick<Shared, 'ask' | 'sign' | 'hashing' | 'region' | 'gateways'>) {
    this.#shared = shared;
  }

  /** In tokens. Of a model that no gateway has told: the longest context, because the request may mean any model. */
  async of(model: string | undefined): Promise<number> {
    if (this.#known.size === 0) await this.#refresh();
    else if (performance.now() - this.#askedAt > KNOWN_MS) void this.#refresh();
    const known = model === undefined ? undefined : this.#known.get(model);
    return known ?? (this.#known.size === 0 ? UNKNOWN_CONTEXT : Math.max(...this.#known.values()));
  }

  async #refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { ask, sign, hashing, region, gateways } = this.#shared;
    const gateway = gateways.choose({});
    if (sign === undefined || gateway === undefined) return;
    const [method, path] = ['GET', '/v1/models'];
    const body = await hashing.sha256(new Uint8Array());
    const claims = { ...anyone, body, request: `models_${randomHex(8)}`, region };
    try {
      const headers = new Headers(await sign({ method, path, claims }));
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await ask(`${gateway.url}${path}`, { method, headers, body: undefined, signal });
      const bytes = await readWhole(answer.body, LARGEST_LIST);
      const found = answer.status === 200 ? contextsIn(new TextDecoder().decode(bytes)) : new Map();
      if (found.size > 0) {
        this.#known = found;
        this.#askedAt = performance.now();
      }
    } catch {
      // The request itself finds out that the gateway is gone.
    }
  }
}

function contextsIn(text: string): Map<string, number> {
  const { data } = JSON.parse(text) as { data?: { id?: unknown; context_length?: unknown }[] };
  const found = (data ?? []).flatMap(({ id, context_length: length }): [string, number][] => {
    return typeof id === 'string' && typeof length === 'number' ? [[id, length]] : [];
  });
  return new Map(found);
}
