// Two real gateways with nano behind HTTP servers. The connections of some requests break.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { UsageLine } from '../../../../gateway/api/tenants/usage-log.ts';
import { afterFile } from '../../../support/after-file.ts';
import { startNanoGateway } from '../../../support/resume/room.ts';
import { SECRET } from '../accounts/edge-with-accounts.ts';

/** `once`: the first connection breaks. `always`: every connection breaks. */
export type Cut = 'once' | 'always';

export interface NanoServers {
  urls: string[];
  /** The gateways' own lines, by `x-request-id`, in the order in which they were written. */
  lines: Map<string, UsageLine[]>;
}

/** `cutOf` tells which connections break, by `x-request-id`. */
export async function startNanoServers(cutOf: (request: string) => Cut | undefined): Promise<NanoServers> {
  const lines = new Map<string, UsageLine[]>();
  const onUsage = (line: UsageLine) =>
    void lines.set(line.request, [...(lines.get(line.request) ?? []), line]);
  /** Answers that were cut, by `x-request-id`. */
  const cuts = new Map<string, number>();

  /** After so many bytes the connection breaks. Undefined: it does not break. */
  function bytesUntilCut({ method, headers }: Request): number | undefined {
    const id = headers.get('x-request-id') ?? '';
    const cut = method === 'POST' ? cutOf(id) : undefined;
    const before = cuts.get(id) ?? 0;
    if (cut === undefined || (cut === 'once' && before > 0)) return undefined;
    cuts.set(id, before + 1);
    return cut === 'always' ? 400 : 300 + ((Number(/\d+$/.exec(id)) * 997) % 3_000);
  }

  async function start(): Promise<string> {
    const { app, close } = await startNanoGateway({}, { onUsage, callerSecrets: () => [SECRET] });
    afterFile(close);
    const answer = async (request: Request, { outgoing }: { outgoing: unknown }) => {
      const most = bytesUntilCut(request);
      const given = await app.fetch(request);
      return most === undefined ? given : cutAfter(given, most, outgoing as ServerResponse);
    };
    const server = createServer(getRequestListener(answer, { overrideGlobalObjects: false }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterFile(async () => {
      server.close();
      server.closeAllConnections();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  return { urls: await Promise.all([start(), start()]), lines };
}

/** The same answer, whose connection is closed instead of sending more than `most` bytes of the body. */
function cutAfter(answer: Response, most: number, outgoing: ServerResponse): Response {
  let left = most;
  const cutting = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left > 0) return controller.enqueue(chunk);
      outgoing.destroy();
      controller.terminate();
    },
  });
  return new Response(answer.body?.pipeThrough(cutting) ?? null, answer);
}
