// The text that a gateway prints when it is ready: models, address, pages and an example request. Pure.
import type { EngineStatus } from '../../gateway/engine/messages.ts';
import { formatAddress } from '../../rpc/address.ts';

export interface ReadyFacts {
  host: string;
  port: number;
  /** Ids of the models. */
  models: readonly string[];
  /** How long the start took. */
  seconds: number;
  /** Status of each model's engine. */
  engines: readonly Pick<EngineStatus, 'ready' | 'shards'>[];
  /** True if requests need an API key. */
  keyed: boolean;
}

export function readyText({ host, port, models, seconds, engines, keyed }: ReadyFacts): string {
  const url = `http://${formatAddress({ host, port })}`;
  // Models may share shards, so addresses are counted once.
  const all = engines.flatMap((engine) => engine.shards);
  const addresses = (of: typeof all) => new Set(of.map(({ address }) => address)).size;
  const connected = addresses(all.filter((shard) => shard.connected));
  const shards = `${connected} of ${addresses(all)} shards connected`;
  const ready = engines.every((engine) => engine.ready);
  const own = addresses(all.filter((shard) => shard.inProcess));
  const here = own === 0 || own === addresses(all) ? '' : ` (${own} in this process)`;
  const missing = ready ? '' : `; not every expert is held yet, see ${url}/health/ready`;
  const key = keyed ? `-H "authorization: Bearer $EXPERTGRID_API_KEY" ` : '';
  return `ready in ${seconds.toFixed(1)} s: ${models.join(', ')} at ${url}, ${shards}${here}${missing}

  console  ${url}/console
  API      ${url}/docs

  curl -N ${url}/v1/completions ${key}-H 'content-type: application/json' \\
    -d '{"model": "${models[0]}", "prompt": "Once upon a time,", "max_tokens": 60, "stream": true}'

`;
}
