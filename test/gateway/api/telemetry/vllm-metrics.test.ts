// The gauges that routers of others read.
import { expect, test } from 'vitest';
import { vllmMetrics } from '../../../../gateway/api/telemetry/vllm-metrics.ts';

const load = {
  running: 3,
  waiting: 2,
  waitingSince: 0,
  usedBlocks: 5,
  blocks: 20,
  blockSize: 64,
  promptTokens: 900,
  cachedTokens: 300,
};

test('are in the format of Prometheus, one sample of each for each model', () => {
  const page = vllmMetrics([
    ['nano', load],
    ['a "b"', { ...load, running: 0, blocks: 0, usedBlocks: 0 }],
  ]);
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(samples).toEqual([
    'vllm:num_requests_running{model_name="nano"} 3',
    'vllm:num_requests_running{model_name="a \\"b\\""} 0',
    'vllm:num_requests_waiting{model_name="nano"} 2',
    'vllm:num_requests_waiting{model_name="a \\"b\\""} 2',
    'vllm:kv_cache_usage_perc{model_name="nano"} 0.25',
    'vllm:kv_cache_usage_perc{model_name="a \\"b\\""} 0',
    'vllm:cache_config_info{model_name="nano",block_size="64",num_gpu_blocks="20"} 1',
    'vllm:cache_config_info{model_name="a \\"b\\"",block_size="64",num_gpu_blocks="0"} 1',
    'vllm:prefix_cache_queries_total{model_name="nano"} 900',
    'vllm:prefix_cache_queries_total{model_name="a \\"b\\""} 900',
    'vllm:prefix_cache_hits_total{model_name="nano"} 300',
    'vllm:prefix_cache_hits_total{model_name="a \\"b\\""} 300',
    'vllm:gpu_cache_usage_perc{model_name="nano"} 0.25',
    'vllm:gpu_cache_usage_perc{model_name="a \\"b\\""} 0',
    'vllm:gpu_prefix_cache_queries_total{model_name="nano"} 900',
    'vllm:gpu_prefix_cache_queries_total{model_name="a \\"b\\""} 900',
    'vllm:gpu_prefix_cache_hits_total{model_name="nano"} 300',
    'vllm:gpu_prefix_cache_hits_total{model_name="a \\"b\\""} 300',
  ]);
  const families = page.split('\n').filter((line) => line.startsWith('# TYPE'));
  expect(families).toHaveLength(9);
  expect(page.length).toBeLessThan(4_000);
});
