// A shard for tests: the real service over the plain device, with a model that is small enough to compute by hand.

import type { HeldModelOptions } from '../../experts/held-model.ts';
import { ShardMetrics } from '../../experts/metrics.ts';
import { ShardService, type ShardServiceOptions } from '../../experts/service.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { createPlainExpertDevice, type PlainExpertDevice } from '../support/engines/plain-expert-device.ts';

export const model = {
  identity: 'test-model',
  content: 'test-content',
  bits: 32,
  group: 0,
  layers: 2,
  experts: 6,
  hidden: 8,
};

export interface TestShard {
  service: ShardService;
  device: PlainExpertDevice;
  metrics: ShardMetrics;
}

export function allUnits(): Unit[] {
  return Array.from({ length: model.layers * model.experts }, (_, i) => ({
    layer: Math.floor(i / model.experts),
    expert: i % model.experts,
  }));
}

export interface TestShardOptions extends Partial<Omit<ShardServiceOptions, 'models'> & HeldModelOptions> {
  /** Models that the shard holds in addition to `model`. */
  others?: readonly HeldModelOptions[];
}

export async function createTestShard({
  others = [],
  units = allUnits(),
  model: offered = model,
  device: given,
  ...options
}: TestShardOptions = {}): Promise<TestShard> {
  const device = createPlainExpertDevice({ hidden: model.hidden, inner: 5 });
  await device.load(units);
  const metrics = new ShardMetrics();
  const models = [{ device: given ?? device, model: offered, units }, ...others];
  const service = new ShardService({ models, version: 'test', metrics, ...options });
  return { service, device, metrics };
}

/** The value of a counter, or of a histogram's count. It is summed over all label values that are not given. */
export async function counted(
  { registry }: ShardMetrics,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const metric = (await registry.getMetricsAsJSON()).find((each) => name.startsWith(each.name));
  if (metric === undefined) throw new Error(`no metric ${name}`);
  const values: { value: number; metricName?: string; labels: Record<string, unknown> }[] = metric.values;
  return values
    .filter((each) => (each.metricName ?? name) === name)
    .filter((each) => Object.entries(labels).every(([key, value]) => each.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
