// Errors of ports and addresses on which a server cannot listen, and ports that are kept for a server.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { keepPort, portError } from '../../../cli/gateway/ports.ts';
import { serve } from '../../../gateway/api/serve.ts';
import { listen } from '../../../rpc/socket/server.ts';

const app = { fetch: () => new Response() };
const host = '127.0.0.1';

test('a kept port is in use for other servers, closes connections, and is free for its server after release', async () => {
  const kept = await keepPort({ host, port: 0 });
  const { port } = kept;
  const taken = `--port ${port}: another process already listens on 127.0.0.1:${port}. Stop it, or give another --port (0 takes a free one)`;
  for (const attempt of [
    serve({ app, host, port }),
    listen({ handlers: {}, host, port }),
    keepPort({ host, port }),
  ]) {
    const error = await attempt.catch((cause: unknown) => portError(cause, { host, port }));
    expect(error).toMatchObject({ message: taken });
  }
  const ended = new Promise((resolve) => connect(port, host).on('close', resolve).on('error', resolve));
  await ended;
  await kept.release();
  const server = await serve({ app, host, port });
  expect(server.port).toBe(port);
  await server.close(0);
});

test('portError names the flag of an address that this machine does not have', async () => {
  const flags = { port: '--metrics-port', host: '--metrics-host' };
  const place = { host: '192.0.2.1', port: 0 };
  const error = await keepPort(place).catch((cause: unknown) => portError(cause, place, flags));
  expect(error).toMatchObject({
    message: expect.stringMatching(/^--metrics-host 192\.0\.2\.1: this machine has no such address/),
  });
});

test('portError returns any other error unchanged', () => {
  const error = new Error('something else');
  expect(portError(error, { host, port: 80 })).toBe(error);
});
