// The InferencePool of a cell's gateways (Gateway API Inference Extension), and the settings of its endpoint picker.

import { Yaml } from 'cdk8s';
import type { IConfigMap } from 'kubernetes-models/v1';
import type { Cell } from './cell-spec.ts';
import { ENGINE, ENGINE_LABEL, GATEWAY_PORT, gatewayLabels, gatewayName } from './names.ts';

interface InferencePool {
  apiVersion: 'inference.networking.k8s.io/v1';
  kind: 'InferencePool';
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    selector: { matchLabels: Record<string, string> };
    targetPorts: { number: number }[];
    endpointPickerRef: { name: string; port: { number: number }; failureMode: 'FailOpen' | 'FailClose' };
  };
}

/** Nothing if the cell has no InferencePool. */
export function inferencePool(cell: Cell): [] | [InferencePool, IConfigMap] {
  const { inferencePool: pool } = cell;
  if (pool === undefined) return [];
  const labels = gatewayLabels(cell);
  return [
    {
      apiVersion: 'inference.networking.k8s.io/v1',
      kind: 'InferencePool',
      metadata: { name: gatewayName(cell), labels },
      spec: {
        selector: { matchLabels: labels },
        targetPorts: [{ number: GATEWAY_PORT }],
        // Any gateway can answer any request, so requests need not wait for the picker.
        endpointPickerRef: {
          name: pool.pickerService,
          port: { number: pool.pickerPort },
          failureMode: 'FailOpen',
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${gatewayName(cell)}-picker`, labels },
      data: { 'picker.yaml': Yaml.stringify(pickerSettings) },
    },
  ];
}

/**
 * How the picker reads the load of gateways, and by what it compares them. Gateways show their load under vLLM's names
 * (docs/operations.md#routers-that-know-vllm). The weights are the picker's own defaults.
 */
const pickerSettings = {
  apiVersion: 'inference.networking.x-k8s.io/v1alpha1',
  kind: 'EndpointPickerConfig',
  plugins: [
    { type: 'metrics-data-source', parameters: { path: '/metrics/engine' } },
    {
      type: 'core-metrics-extractor',
      parameters: {
        engineLabelKey: ENGINE_LABEL,
        defaultEngine: ENGINE,
        engineConfigs: [
          {
            name: ENGINE,
            queuedRequestsSpec: 'vllm:num_requests_waiting',
            runningRequestsSpec: 'vllm:num_requests_running',
            kvUsageSpec: 'vllm:kv_cache_usage_perc',
            cacheInfoSpec: 'vllm:cache_config_info',
          },
        ],
      },
    },
    { type: 'queue-scorer' },
    { type: 'kv-cache-utilization-scorer' },
    { type: 'prefix-cache-scorer' },
  ],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'queue-scorer', weight: 2 },
        { pluginRef: 'kv-cache-utilization-scorer', weight: 2 },
        { pluginRef: 'prefix-cache-scorer', weight: 3 },
      ],
    },
  ],
};
