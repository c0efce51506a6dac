// The gauges by which routers of others choose between model servers, under vLLM's names. The Gateway API Inference Extension asks for
// the first four (its model server protocol), and vLLM's production-stack for the `gpu_` names of older releases.
import type { EngineLoad } from '../../engine/messages.ts';
import { escaped } from './labels.ts';

interface Metric {
  type: 'gauge' | 'counter';
  help: string;
  /** Labels beside `model_name`. */
  labels?: (load: EngineLoad) => Record<string, number>;
  of: (load: EngineLoad) => number;
}

const usage = ({ usedBlocks, blocks }: EngineLoad) => (blocks === 0 ? 0 : usedBlocks / blocks);
const hits = ({ cachedTokens }: EngineLoad) => cachedTokens;
const queries = ({ promptTokens }: EngineLoad) => promptTokens;

const metrics: Readonly<Record<string, Metric>> = {
  'vllm:num_requests_running': {
    type: 'gauge',
    help: 'Sequences in the running set',
    of: ({ running }) => running,
  },
  'vllm:num_requests_waiting': {
    type: 'gauge',
    help: 'Sequences waiting for admission',
    of: ({ waiting }) => waiting,
  },
  'vllm:kv_cache_usage_perc': { type: 'gauge', help: 'Used part of the KV memory, 0 to 1', of: usage },
  'vllm:cache_config_info': {
    type: 'gauge',
    help: 'Always 1; the labels have the positions of a block of KV memory and the number of blocks',
    labels: ({ blockSize, blocks }) => ({ block_size: blockSize, num_gpu_blocks: blocks }),
    of: () => 1,
  },
  'vllm:prefix_cache_queries_total': { type: 'counter', help: 'Prompt tokens', of: queries },
  'vllm:prefix_cache_hits_total': {
    type: 'counter',
    help: 'Prompt tokens found in the prefix cache',
    of: hits,
  },
  'vllm:gpu_cache_usage_perc': { type: 'gauge', help: 'As vllm:kv_cache_usage_perc', of: usage },
  'vllm:gpu_prefix_cache_queries_total': {
    type: 'counter',
    help: 'As vllm:prefix_cache_queries_total',
    of: queries,
  },
  'vllm:gpu_prefix_cache_hits_total': { type: 'counter', help: 'As vllm:prefix_cache_hits_total', of: hits },
};

/** In the format of Prometheus. `loads`: by name of the model. */
export function vllmMetrics(loads: Iterable<readonly [model: string, load: EngineLoad]>): string {
  const all = [...loads];
  const families = Object.entries(metrics).map(([name, { type, help, labels, of }]) => {
    const samples = all.map(([model, load]) => {
      const named = Object.entries({ model_name: model, ...labels?.(load) });
      const text = named.map(([label, value]) => `${label}="${escaped(String(value))}"`).join(',');
      return `${name}{${text}} ${of(load)}\n`;
    });
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`;
  });
  return families.join('');
}
