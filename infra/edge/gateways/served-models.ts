// Which models the regions serve, with their context lengths: where a request can go, and how many tokens it may use.
import { readWhole } from '../ask.ts';
import { anyone } from '../requests/call.ts';
import type { Shared } from '../send.ts';
import { randomHex } from '../sign.ts';

/** After this time the gateways are asked again. */
const KNOWN_MS = 60_000;
/** After this time gateways that did not answer are asked again. */
const RETRY_MS = 1_000;
const PATIENCE_MS = 2_000;
const LARGEST_LIST = 1024 * 1024;
/** Assumed while no gateway has told its models. */
const UNKNOWN_CONTEXT = 131_072;

type Parts = Pick<Shared, 'ask' | 'sign' | 'hashing' | 'region' | 'gateways'>;

/** Context length in tokens, by model. */
type Served = ReadonlyMap<string, number>;

export class ServedModels {
  readonly #parts: Parts;
  readonly #regions: readonly string[];
  /** By region. Absent: the region has not told its models. */
  readonly #served = new Map<string, Served>();
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(regions: readonly string[], parts: Parts) {
    this.#regions = regions;
    this.#parts = parts;
  }

  /** In tokens. Of a model that no region has told: the longest context, because the request may mean any model. */
  async contextOf(model: string | undefined): Promise<number> {
    await this.#refresh();
    const all = [...this.#served.values()];
    const known = model === undefined ? [] : all.flatMap((served) => served.get(model) ?? []);
    if (known.length > 0) return Math.max(...known);
    const any = all.flatMap((served) => [...served.values()]);
    return any.length === 0 ? UNKNOWN_CONTEXT : Math.max(...any);
  }

  /** The regions that serve the model or have not told their models, in the same order. All of them if none serves it. */
  async serving(model: string | undefined, regions: readonly string[]): Promise<readonly string[]> {
    if (model === undefined || regions.length < 2) return regions;
    await this.#refresh();
    const serving = regions.filter((region) => this.#served.get(region)?.has(model) !== false);
    return serving.length === 0 ? regions : serving;
  }

  /** Waits for the gateways only if nothing is known yet. */
  async #refresh(): Promise<void> {
    const isComplete = this.#served.size === this.#regions.length;
    if (performance.now() - this.#askedAt < (isComplete ? KNOWN_MS : RETRY_MS)) return;
    this.#asking ??= this.#askAll().finally(() => {
      this.#asking = undefined;
    });
    if (this.#served.size === 0) await this.#asking;
  }

  async #askAll(): Promise<void> {
    await Promise.all(this.#regions.map((region) => this.#askRegion(region)));
    this.#askedAt = performance.now();
  }

  async #askRegion(name: string): Promise<void> {
    const { ask, sign, hashing, region, gateways } = this.#parts;
    const gateway = gateways.choose({ regions: [name] });
    if (sign === undefined || gateway === undefined) return;
    const [method, path] = ['GET', '/v1/models'];
    const body = await hashing.sha256(new Uint8Array());
    const claims = { ...anyone, body, request: `models_${randomHex(8)}`, region };
    try {
      const headers = new Headers(await sign({ method, path, claims }));
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await ask(`${gateway.url}${path}`, { method, headers, body: undefined, signal });
      const bytes = await readWhole(answer.body, LARGEST_LIST);
      if (answer.status === 200) this.#served.set(name, servedIn(new TextDecoder().decode(bytes)));
    } catch {
      // The requests themselves find out that the gateway is gone. What it has told before stays in use.
    }
  }
}

function servedIn(text: string): Served {
  const { data = [] } = JSON.parse(text) as { data?: { id?: unknown; context_length?: unknown }[] };
  const found = data.flatMap(({ id, context_length: length }): [string, number][] => {
    return typeof id === 'string' && typeof length === 'number' ? [[id, length]] : [];
  });
  return new Map(found);
}
