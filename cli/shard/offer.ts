// Describes the model of a bundle as a shard offers it in hello.
import type { HeldModelOptions } from '../../experts/held-model.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';

export function modelOffer({ config, manifest, bits, group }: Bundle): HeldModelOptions['model'] {
  const { layers, experts, hidden } = config;
  return { identity: manifest.identity, content: manifest.contentHash, bits, group, layers, experts, hidden };
}
