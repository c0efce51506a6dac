// Errors in the formats of OpenAI and Anthropic. The same cases run on Node and in the Worker. Those of keys and limits are in
// keys.cases.ts and limits.cases.ts.
import { beforeAll, describe, expect, it } from 'vitest';
import { LARGEST_BODY } from '../../../../infra/edge/app.ts';
import { answerWithUsage } from '../accounts/edge-with-accounts.ts';
import { gatewayStream, wholeAnswer } from '../record-stream.ts';
import { eventStream } from '../stand-in.ts';
import { answerWith, type Front, loseConnection, type OpenFront, onPost, openFront } from './front.ts';

type Path = '/v1/completions' | '/v1/chat/completions' | '/v1/responses' | '/v1/messages';
const openAiPaths: readonly Path[] = ['/v1/completions', '/v1/chat/completions', '/v1/responses'];

const openAi = (type: string, code: string) => ({
  error: { message: expect.any(String), type, param: null, code },
});
const anthropic = (type: string, requestId: string) => ({
  type: 'error',
  error: { type, message: expect.any(String) },
  request_id: requestId,
});

/** The event that ends a stream of which the client has got one event. */
const lastEvents: Record<Path, string | object> = {
  '/v1/completions': openAi('server_error', 'stream_lost'),
  '/v1/chat/completions': openAi('server_error', 'stream_lost'),
  '/v1/messages': anthropic('api_error', 'mine'),
  '/v1/responses': {
    ...{ type: 'error', code: 'stream_lost', message: expect.any(String), param: null },
    sequence_number: 1,
  },
};

export function errorCases(open: OpenFront): void {
  let front: Front;
  beforeAll(async () => {
    front = await openFront(open, { regions: [{ name: 'eu' }], gatewaysEach: 1 });
  });

  const post = (path: Path, body = {}) => front.post({ path, body, headers: { 'x-request-id': 'mine' } });
  const handle = (handler: typeof answerWithUsage) => {
    front.gateways[0]!.handle = handler;
  };

  /** Expects an error of the edge in the format of each endpoint. */
  async function expectError(
    status: number,
    {
      ask,
      type,
      code,
      anthropicType,
    }: { ask: typeof post; type: string; code: string; anthropicType: string },
  ): Promise<void> {
    for (const path of openAiPaths) {
      const answer = await ask(path);
      expect([path, answer.status, answer.headers.get('x-request-id')]).toEqual([path, status, 'mine']);
      expect(await answer.json()).toEqual(openAi(type, code));
    }
    const answer = await ask('/v1/messages');
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'mine']);
    expect(await answer.json()).toEqual(anthropic(anthropicType, 'mine'));
  }

  describe('an error of the edge has the format of its endpoint', () => {
    it('if no gateway answers', async () => {
      handle(loseConnection);
      const expected = { type: 'server_error', code: 'gateway_unreachable', anthropicType: 'api_error' };
      await expectError(502, { ask: post, ...expected });
    });

    it('if the body is too large', async () => {
      const ask = (path: Path) => post(path, { prompt: 'x'.repeat(LARGEST_BODY) });
      const expected = { type: 'invalid_request_error', code: 'body_too_large' };
      await expectError(413, { ask, ...expected, anthropicType: 'request_too_large' });
    });

    it.each(Object.keys(lastEvents) as Path[])('if no gateway continues a stream of %s', async (path) => {
      handle(
        onPost(({ claims, record }, response) => {
          if (record !== undefined) return void response.destroy();
          const [first = ''] = wholeAnswer(claims.answer).split('\n\n');
          const bytes = gatewayStream(claims.answer);
          response.writeHead(200, eventStream).write(bytes.slice(0, bytes.indexOf(first) + first.length + 2));
          setTimeout(() => response.destroy(), 20);
        }),
      );
      const answer = await post(path, { stream: true });
      handle(answerWithUsage);
      const events = (await answer.text()).split('\n\n').filter((event) => event !== '');
      expect([answer.status, events.length]).toEqual([200, 2]);
      const lines = (events[1] ?? '').split('\n');
      const names = lines.filter((line) => line.startsWith('event: '));
      expect(names).toEqual(path === '/v1/messages' || path === '/v1/responses' ? ['event: error'] : []);
      expect(JSON.parse(lines.at(-1)?.replace(/^data: /, '') ?? '')).toEqual(lastEvents[path]);
    });
  });

  it.each([400, 404, 422, 429, 500])(
    'an error of the gateway with status %d is relayed unchanged',
    async (code) => {
      handle(answerWith(code, { 'retry-after': '3', 'x-should-retry': 'false' }));
      for (const path of ['/v1/completions', '/v1/messages'] as const) {
        const answer = await post(path);
        const { status, headers } = answer;
        expect([status, headers.get('retry-after'), headers.get('x-should-retry')]).toEqual([
          code,
          '3',
          'false',
        ]);
        expect(await answer.json()).toEqual({ error: { code } });
      }
      handle(answerWithUsage);
    },
  );
}
