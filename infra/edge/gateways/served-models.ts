// Which models the regions serve, with their context lengths: where a request can go, and how many tokens it may use.
import { type Asking, askGateway } from '../own-request.ts';
import type { Shared } from '../send.ts';

/** After this time the gateways are asked again. */
const KNOWN_MS = 60_000;
/** After this time gateways that did not answer are asked again. */
const RETRY_MS = 1_000;
const LARGEST_LIST = 1024 * 1024;
/** Assumed while no gateway has told its models. */
const UNKNOWN_CONTEXT = 131_072;

type Parts = Asking & Pick<Shared, 'gateways'>;

/** Context length in tokens, by model. */
type Served = ReadonlyMap<string, number>;

export class ServedModels {
  readonly #parts: Parts;
  readonly #regions: readonly string[];
  /** By region. Absent: the region has not told its models. */
  readonly #served = new Map<string, Served>();
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(regions: readonly string[], parts: Parts) {
    this.#regions = regions;
    this.#parts = parts;
  }

  /**
   * The longest context of all models, in tokens. Not that of one model, because an alias stands for several, and a request may name none.
   */
  async longestContext(): Promise<number> {
    await this.#refresh();
    const all = [...this.#served.values()].flatMap((served) => [...served.values()]);
    return all.length === 0 ? UNKNOWN_CONTEXT : Math.max(...all);
  }

  /** Whether a region serves the model. */
  knows(model: string): boolean {
    return [...this.#served.values()].some((served) => served.has(model));
  }

  /** The regions that serve the model or have not told their models, in the same order. All of them if none serves it. */
  async serving(model: string | undefined, regions: readonly string[]): Promise<readonly string[]> {
    if (model === undefined || regions.length < 2) return regions;
    await this.#refresh();
    const serving = regions.filter((region) => this.#served.get(region)?.has(model) !== false);
    return serving.length === 0 ? regions : serving;
  }

  /**
   * Waits for the gateways only if nothing is known yet. Requests share no wait, because a Worker may end the request that began it.
   */
  async #refresh(): Promise<void> {
    const isComplete = this.#served.size === this.#regions.length;
    if (performance.now() - this.#askedAt < (isComplete ? KNOWN_MS : RETRY_MS) && this.#served.size > 0)
      return;
    this.#askedAt = performance.now();
    const asked = Promise.all(this.#regions.map((region) => this.#askRegion(region)));
    if (this.#served.size === 0) await asked;
  }

  async #askRegion(name: string): Promise<void> {
    const gateway = this.#parts.gateways.choose({ regions: [name] });
    if (gateway === undefined) return;
    const question = { gateway: gateway.url, path: '/v1/models', purpose: 'models', most: LARGEST_LIST };
    const answer = await askGateway(question, this.#parts);
    // If the gateway is gone, the requests themselves find out. What it has told before stays in use.
    const served = answer?.text === undefined ? undefined : servedIn(answer.text);
    if (served !== undefined) this.#served.set(name, served);
  }
}

/** Undefined if the text is not a list of models. */
function servedIn(text: string): Served | undefined {
  try {
    const { data = [] } = JSON.parse(text) as { data?: { id?: unknown; context_length?: unknown }[] };
    const found = data.flatMap(({ id, context_length: length }): [string, number][] => {
      return typeof id === 'string' && typeof length === 'number' ? [[id, length]] : [];
    });
    return new Map(found);
  } catch {
    return undefined; // something else answers at the address of the gateway
  }
}
