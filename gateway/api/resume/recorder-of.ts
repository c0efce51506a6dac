// Makes the recorder of a stream if its caller asks for records.
import { createHash } from 'node:crypto';
import { RECORD_VERSION } from '../../../resume/record.ts';
import { asciiJson } from '../../../resume/signed-request.ts';
import type { EngineInfo } from '../../engine/messages.ts';
import type { PromptPlan } from '../answers/generations.ts';
import type { Frame } from '../answers/wire.ts';
import type { ExpertSettings } from '../requests/expert-settings.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { cannotContinue, type Head } from './continuation.ts';
import { Recorder } from './recorder.ts';
import { sealKey } from './seal.ts';
import { TEXT_VERSION } from './text-version.ts';

interface Recording {
  frame: Frame;
  prompts: readonly PromptPlan[];
  /** Settings of experts that the request does not make itself. */
  experts: ExpertSettings | undefined;
  /** Undefined if the engine has not told it yet. Then no gateway of another class can be recognized, and there is no record. */
  numerics: string | undefined;
  info: Pick<EngineInfo, 'identity' | 'content'>;
}

/** Undefined if the caller asks for no record. Throws a 409 if the stream that the request continues began with other prompts. */
export function recorderOf(
  { caller, continuation }: Pick<RequestRecord, 'caller' | 'continuation'>,
  { frame, prompts, experts, numerics, info }: Recording,
): Recorder | undefined {
  const promptHash = hashOf(prompts);
  if (continuation !== undefined && continuation.head.prompts !== promptHash) {
    throw cannotContinue('This gateway makes another prompt of the request');
  }
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
    prompts: promptHash,
    tenant: caller.claims.tenant,
    ...(experts !== undefined && { experts }),
  };
  const key = sealKey(secret);
  return new Recorder({
    head: asciiJson(head),
    key,
    ...(continuation && { recorded: continuation.recorded }),
  });
}

function hashOf(prompts: readonly PromptPlan[]): string {
  const hash = createHash('sha256');
  for (const { prompt, maxTokens } of prompts)
    hash.update(Int32Array.of(prompt.length, maxTokens, ...prompt));
  return hash.digest('hex');
}
