// Signs requests as a trusted caller does, and reads the streams that a gateway sends with a record. Written from docs/resume.md, without
// the code of the edge.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { MOVED_LINE, RecordReader, type StreamRecord } from '../../../resume/record.ts';
import {
  asciiJson,
  CLAIMS_HEADER,
  type Claims,
  RECORD_HEADER,
  SIGNATURE_HEADER,
} from '../../../resume/signed-request.ts';

export const SECRET = 'a secret that only the tests know, of 48 chars';

export interface SignedOptions {
  path: string;
  body: unknown;
  /** Default: POST. A GET has no body. */
  method?: 'GET' | 'POST';
  secret?: string;
  record?: StreamRecord;
  /** Text in place of a record's JSON. */
  recordText?: string;
  claims?: Partial<Claims>;
  signal?: AbortSignal;
}

/** A signed request that asks for a record. */
export function signedRequest({
  path,
  body,
  method = 'POST',
  secret = SECRET,
  record,
  recordText = record && JSON.stringify(record),
  claims,
  signal,
}: SignedOptions): Request {
  const before = recordText ?? '';
  const bytes = before + (typeof body === 'string' ? body : JSON.stringify(body));
  const all: Claims = {
    time: Date.now(),
    nonce: randomUUID(),
    body: createHash('sha256').update(bytes).digest('hex'),
    tenant: 'alice',
    scopes: ['generate'],
    request: 'req-1',
    region: 'test',
    records: true,
    ...claims,
  };
  const header = asciiJson(all);
  const signature = createHmac('sha256', secret)
    .update(`v1\n${method}\n${path}\n${header}`)
    .digest('base64url');
  return new Request(`http://127.0.0.1${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      [CLAIMS_HEADER]: header,
      [SIGNATURE_HEADER]: `v1=${signature}`,
      ...(before !== '' && { [RECORD_HEADER]: String(Buffer.byteLength(before)) }),
    },
    ...(method === 'POST' && { body: bytes }),
    ...(signal && { signal }),
  });
}

/** One block of a stream, which ends with an empty line. */
export interface Block {
  /** The lines that belong to the record. */
  lines: string[];
  /** The other lines. */
  event: string;
}

export function blocksOf(text: string): Block[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const lines = block.split('\n');
      const isRecord = (line: string) => /^:[hru] /.test(line) || line.startsWith(MOVED_LINE);
      return { lines: lines.filter(isRecord), event: lines.filter((line) => !isRecord(line)).join('\n') };
    });
}

/** The record of a stream that was cut after these blocks. */
export function recordOf(blocks: readonly Block[]): StreamRecord | undefined {
  const reader = new RecordReader();
  for (const { lines } of blocks) for (const line of lines) reader.take(line);
  return reader.record;
}

/** What the head of a whole stream says about its answer, as a claim with which the request can be repeated. */
export function headOf(text: string): NonNullable<Claims['answer']> {
  const line = text.split('\n').find((each) => each.startsWith(':h ')) ?? '';
  const { id, created, seed } = JSON.parse(line.slice(3, line.lastIndexOf(' '))) as {
    id: string;
    created: number;
    seed: number;
  };
  return { id: id.slice(id.indexOf('_') < 0 ? id.indexOf('-') + 1 : id.indexOf('_') + 1), created, seed };
}
