// How usage is asked for and written.
import { describe, expect, it } from 'vitest';
import { csvOf, usageQuery } from '../../../../infra/edge/usage/usage-answer.ts';

describe('CSV', () => {
  it('quotes commas, quotes and line breaks (RFC 4180)', () => {
    const rows = [{ a: 'x,y', b: 'say "hi"', c: 'two\nlines' }];
    expect(csvOf(['a', 'b', 'c'], rows)).toBe('a,b,c\r\n"x,y","say ""hi""","two\nlines"\r\n');
  });

  it('writes nothing for null, and numbers as they are', () => {
    expect(csvOf(['a', 'b'], [{ a: null, b: -7 }])).toBe('a,b\r\n,-7\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx'])(
    'puts an apostrophe before %j, which a spreadsheet would compute',
    (text) => {
      expect(csvOf(['a'], [{ a: text }])).toContain(`'${text}`);
    },
  );
});

describe('a question about usage', () => {
  const asked = (query: Record<string, string>) => usageQuery((name) => query[name]);

  it('is about the last 31 days by default', () => {
    const { from, to, by, format } = asked({}) as Exclude<ReturnType<typeof asked>, { error: unknown }>;
    expect(to - from).toBe(31 * 86_400_000);
    expect([by, format]).toEqual(['day', 'json']);
  });

  it('may name dates and times', () => {
    expect(asked({ from: '2026-12-01', to: '2026-12-01T12:00:00+01:00' })).toMatchObject({
      from: Date.UTC(2026, 11, 1),
      to: Date.UTC(2026, 11, 1, 11),
    });
  });

  it.each([
    [{ from: '1' }, 'from'],
    [{ to: '+275760-09-13' }, 'to'],
    [{ from: '2020-01-01', to: '2026-01-01' }, 'from'],
    [{ by: 'week' }, 'by'],
  ])('%j is refused', (query, param) => {
    expect(asked(query as Record<string, string>)).toMatchObject({ error: { status: 400, param } });
  });
});
