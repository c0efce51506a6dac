// Makes the recorder of a stream if its caller asks for records.
import { RECORD_VERSION } from '../../../resume/record.ts';
import { asciiJson } from '../../../resume/signed-request.ts';
import type { EngineInfo } from '../../engine/messages.ts';
import type { Frame } from '../answers/wire.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { Head } from './continuation.ts';
import { Recorder } from './recorder.ts';
import { sealKey } from './seal.ts';
import { TEXT_VERSION } from './text-version.ts';

interface Recording {
  frame: Frame;
  /** Undefined if the engine has not told it yet. Then no gateway of another class can be recognized, and there is no record. */
  numerics: string | undefined;
  info: Pick<EngineInfo, 'identity' | 'content'>;
}

export function recorderOf(
  { caller, continuation }: Pick<RequestRecord, 'caller' | 'continuation'>,
  { frame, numerics, info }: Recording,
): Recorder | undefined {
  if (caller?.claims.records !== true || numerics === undefined) return undefined;
  const [secret] = caller.secrets();
  if (secret === undefined) return undefined;
  const head: Head = {
    v: RECORD_VERSION,
    text_version: TEXT_VERSION,
    id: frame.id,
    created: frame.created,
    seed: frame.seed,
    model: frame.model,
    identity: info.identity,
    content: info.content,
    numerics,
    fingerprint: frame.fingerprint,
    body: caller.body,
    tenant: caller.claims.tenant,
  };
  const key = sealKey(secret);
  return new Recorder({
    head: asciiJson(head),
    key,
    ...(continuation && { recorded: continuation.recorded }),
  });
}
