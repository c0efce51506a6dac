// A gateway in simulated time: a queue, sequences that share its time, and KV memory that they fill.
import type { GatewayModel } from './cell-model.ts';

export interface Sequence {
  /** Number of the request in the trace. */
  request: number;
  arrivedAt: number;
  prompt: number;
  answer: number;
  /** Tokens in the KV cache. */
  held: number;
  /** Generated tokens. They are kept if the sequence loses its place in the KV cache. */
  generated: number;
  /** When it entered the queue of this gateway. */
  queuedAt: number;
}

export interface GatewayWork {
  waiting: Sequence[];
  running: Sequence[];
}

/** What a gateway does in a step if no shard holds it back. */
export interface StepPlan {
  prefill: number;
  /** Tokens of each sequence that generates. */
  decode: number;
  decoding: number;
}

export const newWork = (): GatewayWork => ({ waiting: [], running: [] });

export function openRequests({ waiting, running }: GatewayWork): number {
  return waiting.length + running.length;
}

export function kvHeld({ running }: GatewayWork): number {
  return running.reduce((sum, { held }) => sum + held, 0);
}

/** Tokens that must be in the KV cache before the sequence generates its next token. */
function known({ prompt, generated }: Sequence): number {
  return prompt + generated;
}

function isDecoding(sequence: Sequence): boolean {
  return sequence.held >= known(sequence);
}

/** Starts sequences from the queue, oldest first, while there is a place and room for what they need at once. */
export function admit(work: GatewayWork, { sequences, kvTokens }: GatewayModel): Sequence[] {
  const admitted: Sequence[] = [];
  let free = kvTokens - work.running.reduce((sum, each) => sum + Math.max(each.held, known(each)), 0);
  while (work.running.length < sequences) {
    const [first] = work.waiting;
    if (first === undefined || known(first) > free) break;
    free -= known(first);
    work.waiting.shift();
    work.running.push(first);
    admitted.push(first);
  }
  return admitted;
}

/** Prompts and generated tokens share the time of the gateway: if both want all of it, both become slower by the same factor. */
export function planStep(work: GatewayWork, model: GatewayModel, seconds: number, hopMs: number): StepPlan {
  let [missing, decoding] = [0, 0];
  for (const sequence of work.running) {
    if (isDecoding(sequence)) decoding++;
    else missing += known(sequence) - sequence.held;
  }
  const fastest = (1000 * seconds) / (model.tokenMs + hopMs);
  const prefillTime = Math.min(1, missing / (model.prefillPerSecond * seconds));
  const decodeTime = (decoding * fastest) / (model.decodePerSecond * seconds);
  const share = 1 / Math.max(1, prefillTime + decodeTime);
  return {
    ...{ prefill: share * prefillTime * model.prefillPerSecond * seconds },
    ...{ decode: share * fastest, decoding },
  };
}

/** Carries out the part `speed` (0 to 1) of the plan. Returns the sequences that end. */
export function advance(work: GatewayWork, { prefill, decode }: StepPlan, speed: number): Sequence[] {
  let left = prefill * speed;
  const ended: Sequence[] = [];
  for (const sequence of work.running) {
    if (isDecoding(sequence)) {
      const tokens = Math.min(decode * speed, sequence.answer - sequence.generated);
      sequence.generated += tokens;
      sequence.held += tokens;
      if (sequence.generated >= sequence.answer) ended.push(sequence);
    } else {
      const tokens = Math.min(left, known(sequence) - sequence.held);
      sequence.held += tokens;
      left -= tokens;
    }
  }
  if (ended.length > 0) work.running = work.running.filter((sequence) => !ended.includes(sequence));
  return ended;
}

/** While the KV cache is too full, the sequence that arrived last loses its place, and waits as the first of the queue. */
export function preempt(work: GatewayWork, { kvTokens }: GatewayModel, now: number): void {
  let held = kvHeld(work);
  while (held > kvTokens && work.running.length > 1) {
    const last = work.running.reduce((a, b) => (b.request > a.request ? b : a));
    work.running.splice(work.running.indexOf(last), 1);
    held -= last.held;
    work.waiting.unshift(Object.assign(last, { held: 0, queuedAt: now }));
  }
}

/** All open sequences of a gateway that leaves. Another one computes their tokens again. */
export function takeAll(work: GatewayWork): Sequence[] {
  const all = [...work.running, ...work.waiting];
  work.running = [];
  work.waiting = [];
  for (const sequence of all) sequence.held = 0;
  return all;
}
