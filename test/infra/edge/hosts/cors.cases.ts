// Requests of web pages. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, answerWithUsage } from '../accounts/edge-with-accounts.ts';
import { gatewayStream, wholeAnswer } from '../record-stream.ts';
import { eventStream } from '../stand-in.ts';
import { answerWith, type Front, type OpenFront, onPost, openFront } from './front.ts';

const allowed = ['https://app.example', 'https://beta.app.example:8443'];
const refused = [
  'https://evil.example',
  'http://app.example',
  'https://app.example:8443',
  'https://app.example.evil.example',
  'null',
];

const allowOrigin = 'access-control-allow-origin';

/** The question of a browser before it sends a POST with an API key. */
const preflightOf = (origin: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,x-session-id,x-stainless-lang',
  },
});

/** The names of a header such as `access-control-allow-methods`. */
const namesIn = (headers: Headers, name: string) =>
  (headers.get(name) ?? '').split(',').map((each) => each.trim());

export function corsCases(open: OpenFront): void {
  let front: Front;
  beforeAll(async () => {
    const regions = [{ name: 'eu' }];
    front = await openFront(open, { regions, gatewaysEach: 1, corsOrigins: allowed });
    front.served();
  });

  describe('a preflight request', () => {
    it.each(allowed)('of %s is answered without a key, and reaches no gateway', async (origin) => {
      for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/models', '/usage']) {
        const { status, headers } = await front.fetch(path, preflightOf(origin));
        expect([status, headers.get(allowOrigin)]).toEqual([204, origin]);
        expect(namesIn(headers, 'access-control-allow-methods')).toEqual(['GET', 'HEAD', 'POST']);
        expect(namesIn(headers, 'access-control-allow-headers')).toEqual([
          ...['authorization', 'content-type', 'x-session-id', 'x-stainless-lang'],
        ]);
        expect(headers.get('access-control-max-age')).toBe('600');
        expect(headers.get('access-control-allow-credentials')).toBeNull();
        expect(namesIn(headers, 'vary')).toContain('Origin');
      }
      expect(front.gateways[0]?.seen).toEqual([]);
    });

    it.each(refused)('of %s is not allowed', async (origin) => {
      const { headers } = await front.fetch('/v1/chat/completions', preflightOf(origin));
      expect(headers.get(allowOrigin)).toBeNull();
      expect(namesIn(headers, 'vary')).toContain('Origin');
      expect(front.gateways[0]?.seen).toEqual([]);
    });

    it.each(['/admin/keys', '/admin/usage', '/edge'])('to %s is allowed to no page', async (path) => {
      for (const init of [
        preflightOf('https://app.example'),
        { headers: { origin: 'https://app.example' } },
      ]) {
        const { headers } = await front.fetch(path, { ...init, key: ADMIN });
        expect(headers.get(allowOrigin)).toBeNull();
      }
    });
  });

  describe('an answer', () => {
    const origin = 'https://app.example';
    const answers: readonly [string, () => Promise<Response>, number][] = [
      ['a gateway', () => front.post({ headers: { origin } }), 200],
      ['the list of models', () => front.fetch('/v1/models', { key: 'none', headers: { origin } }), 401],
      ['a missing key', () => front.post({ key: 'none', headers: { origin } }), 401],
      ['an unknown path', () => front.fetch('/nothing', { headers: { origin } }), 404],
    ];

    it.each(answers)('of %s can be read by a page of an allowed origin', async (_, ask, status) => {
      const { headers, status: given } = await ask();
      expect([given, headers.get(allowOrigin)]).toEqual([status, origin]);
      expect(namesIn(headers, 'vary')).toContain('Origin');
      const exposed = namesIn(headers, 'access-control-expose-headers');
      for (const name of [
        'x-request-id',
        'retry-after',
        'retry-after-ms',
        'x-should-retry',
        'x-ratelimit-remaining-tokens',
      ])
        expect(exposed).toContain(name);
    });

    it('of a gateway that names an origin itself has only that of the edge', async () => {
      const [gateway] = front.gateways;
      gateway!.handle = answerWith(200, { [allowOrigin]: '*' });
      const { headers } = await front.post({ headers: { origin } });
      gateway!.handle = answerWithUsage;
      expect(headers.get(allowOrigin)).toBe(origin);
    });

    it('that is a stream can be read by a page of an allowed origin', async () => {
      const [gateway] = front.gateways;
      front.served();
      gateway!.handle = onPost(({ claims }, response) => {
        response.writeHead(200, eventStream).end(gatewayStream(claims.answer));
      });
      const answer = await front.post({ headers: { origin }, body: { stream: true } });
      gateway!.handle = answerWithUsage;
      expect([answer.status, answer.headers.get(allowOrigin)]).toEqual([200, origin]);
      expect(await answer.text()).toBe(wholeAnswer(front.posts()[0]?.claims.answer));
    });

    it.each(refused)('cannot be read by a page of %s, even if the gateway allows it', async (other) => {
      const [gateway] = front.gateways;
      gateway!.handle = answerWith(200, { [allowOrigin]: '*' });
      const { headers } = await front.post({ headers: { origin: other } });
      gateway!.handle = answerWithUsage;
      expect(headers.get(allowOrigin)).toBeNull();
    });
  });
}
