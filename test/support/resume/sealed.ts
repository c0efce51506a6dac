// Seals a record as a gateway does. Written from docs/resume.md, without the code of the gateway.
import { createHash, createHmac } from 'node:crypto';
import type { StreamRecord } from '../../../resume/record.ts';

export function sealed(record: StreamRecord, secret: string): StreamRecord {
  const lines = Object.entries(record.choices)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([choice, { events, bytes, calls, entries, hops, ids }]) => {
      const hash = createHash('sha256').update(ids).digest('hex');
      return [choice, events, bytes, calls, entries, hops, hash].join(' ');
    });
  const key = createHmac('sha256', secret).update('expertgrid record v1').digest();
  const text = [createHash('sha256').update(record.head).digest('hex'), ...lines].join('\n');
  return { ...record, seal: createHmac('sha256', key).update(text).digest('base64url').slice(0, 22) };
}
