// Which endpoints probes, peers and open pages ask again and again: no work of a caller's. Knows no handler.

const probes: ReadonlySet<string> = new Set([
  '/',
  '/health',
  '/health/ready',
  '/metrics',
  '/peer',
  '/console',
  '/docs',
  '/v1/models',
  '/v1/shards',
  '/v1/history',
  '/v1/version',
  '/v1/openapi.json',
  '/v1/experts/heat',
]);

/** `endpoint` is the route as logs and metrics name it. */
export function isProbe(endpoint: string): boolean {
  return probes.has(endpoint);
}
