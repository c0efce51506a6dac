// The HTTP server of a shard for `GET /metrics` (Prometheus) and `GET /health`.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface MetricsServerOptions {
  registry: Registry;
  /** The answer of `/health`. Its HTTP status is 200 for `available`, otherwise 503. */
  state: () => 'loading' | 'available' | 'draining';
  host: string;
  port: number;
}

export async function serveMetrics({ registry, state, host, port }: MetricsServerOptions) {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method !== 'GET') {
      response.writeHead(405, { allow: 'GET' }).end();
    } else if (path === '/health') {
      const body = JSON.stringify({ status: state() });
      response
        .writeHead(state() === 'available' ? 200 : 503, { 'content-type': 'application/json' })
        .end(body);
    } else if (path === '/metrics') {
      const body = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(body);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`cannot listen on ${host}:${port} for metrics: ${cause.message}`, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
