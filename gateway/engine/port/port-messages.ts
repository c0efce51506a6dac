// The messages between the two ends of an engine's message port.
import { fault } from '../faults.ts';
import type {
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
  HeatReport,
  KvPrefix,
} from '../messages.ts';

export type Down =
  | { type: 'generate'; request: GenerationRequest }
  | { type: 'abort'; id: string }
  | { type: 'status'; call: number }
  | { type: 'heat'; call: number; options: { successors?: boolean } }
  | { type: 'readPrefix'; call: number; id: string; first: number }
  | { type: 'writePrefix'; call: number; prefix: KvPrefix }
  | { type: 'charge'; tenant: string; ms: number }
  | { type: 'close'; graceMs: number };

export type Answer = EngineStatus | HeatReport | KvPrefix | boolean | undefined;

/** A part, and the id of its generation. */
export type Sent = readonly [id: string, part: GenerationPart];

export type Up =
  | { type: 'info'; info: EngineInfo; board: SharedArrayBuffer }
  /** In the order in which the parts arose. */
  | { type: 'parts'; parts: readonly Sent[] }
  | { type: 'answer'; call: number; answer: Answer }
  | { type: 'closed' };

/** The error that clients receive after an unforeseen failure. The cause is only logged. */
export const broken = fault('internal', 'the engine has failed');
