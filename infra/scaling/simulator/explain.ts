// Says in a sentence why requests waited in a minute of a simulated day. Pure: it reads only the record of the run.

import type { Change } from '../scaler.ts';
import type { CellModel } from './cell-model.ts';
import type { Minute } from './minutes.ts';
import { GATEWAYS } from './settings.ts';
import type { Outcome } from './simulate.ts';
import { eventsAt, type Traffic } from './traffic.ts';

/** The KV memory of a minute with a higher mean was full at some time, because a prompt needs all its room at once. */
const FULL_KV = 0.75;
/** Minutes before the explained one that its rate is compared with. */
const MINUTES_BEFORE = 10;
/** Longest time between the cause and the explained minute, if no event of the traffic is the cause. */
const LONGEST_INCIDENT_SECONDS = 1800;

/** The minutes in which most requests waited too long, or if these are fewer, those with the longest waits. Worst first. */
export function worstMinutes({ minutes }: Outcome, count: number): Minute[] {
  return minutes.toSorted((a, b) => b.late - a.late || b.waitP99 - a.waitP99).slice(0, count);
}

export interface Explained {
  outcome: Outcome;
  cell: CellModel;
  traffic: Traffic;
}

export function explain(run: Explained, minute: Minute): string {
  const from = incidentStart(run, minute);
  const cause = causeOf(run, minute);
  return [cause, bottleneck(run, minute), ...scaling(run, minute, from)].join('; ');
}

/** Start of the event of the traffic, or the first of the minutes in a row in which requests waited. */
function incidentStart({ outcome, traffic }: Explained, minute: Minute): number {
  const event = eventsAt(traffic, minute.second + 59).at(-1);
  if (event !== undefined) return event.from;
  let first = minute;
  for (const before of outcome.minutes.filter(({ second }) => second < minute.second).toReversed()) {
    if (before.late === 0 || minute.second - before.second > LONGEST_INCIDENT_SECONDS) break;
    first = before;
  }
  return first.second - 60;
}

function causeOf({ outcome, traffic }: Explained, minute: Minute): string {
  const events = eventsAt(traffic, minute.second + 59);
  const named = events.map(({ name, from }) => `${name} from ${clock(from)}`).join(', ');
  const before = outcome.minutes.find(({ second }) => second === minute.second - 60 * MINUTES_BEFORE);
  const rates = `${perSecond(minute)} requests/s`;
  const compared = before === undefined ? rates : `${rates} (${perSecond(before)} ten minutes before)`;
  return named === '' ? compared : `${named}: ${compared}`;
}

function perSecond({ requests }: Minute): string {
  return (requests / 60).toFixed(1);
}

/** What requests waited for. Gateways are full or slow; shards that compute too few rows make gateways slow. */
function bottleneck({ cell }: Explained, minute: Minute): string {
  const [gateways] = minute.replicas;
  if ((gateways?.ready ?? 0) === 0) return 'no gateway was ready';
  const worst = Math.max(...minute.utilisation);
  const group = cell.groups[minute.utilisation.indexOf(worst)];
  const kv = `KV memory ${percent(minute.kvUsed)} used`;
  const short =
    worst > 1 ? `, group ${group?.name} was asked for ${worst.toFixed(1)} times what it computes` : '';
  if (minute.kvUsed >= FULL_KV) return `all gateways were full (${kv})${short}`;
  return `the gateways that were there before were full, and requests stay in the queue that they joined (${kv} on average)${short}`;
}

function scaling({ outcome, cell }: Explained, minute: Minute, from: number): string[] {
  const end = minute.second + 60;
  const within = outcome.changes.filter(({ at }) => from <= at && at < end);
  const worst = Math.max(...minute.utilisation);
  const group = worst > 1 ? cell.groups[minute.utilisation.indexOf(worst)] : undefined;
  const gateways = { ...cell.gateway, name: GATEWAYS };
  const kinds = group === undefined ? [gateways] : [gateways, group];
  return kinds.map((kind) => {
    const label = kind === gateways ? GATEWAYS : `shards of ${kind.name}`;
    const added = within.filter(({ target, to, from: before }) => target === kind.name && to > before);
    const count =
      minute.replicas[kind === gateways ? 0 : 1 + cell.groups.findIndex(({ name }) => name === kind.name)];
    const atLimit = count?.current === kind.max ? `, the limit` : '';
    if (added.length === 0) return `${label} ${count?.ready} of ${count?.current} ready${atLimit}`;
    return `${label} ${steps(added)}${atLimit}; ${times(added, from, kind.startSeconds)}`;
  });
}

/** Such as 2→4→8. After a removal between them, a new chain begins. */
function steps(added: readonly Change[]): string {
  let text = '';
  let last: number | undefined;
  for (const { from, to } of added.slice(-LONGEST_CHAIN)) {
    text += from === last ? `→${to}` : `${text === '' ? '' : ', '}${from}→${to}`;
    last = to;
  }
  return text;
}

const LONGEST_CHAIN = 4;

function times(added: readonly Change[], from: number, startSeconds: number): string {
  const shown = added.slice(-LONGEST_CHAIN);
  const asked = shown.map(({ at }) => `+${Math.round(at - from)}`).join(', ');
  const ready = shown.map(({ at }) => `+${Math.round(at - from + startSeconds)}`).join(', ');
  return `asked at ${asked} s (${shown.at(-1)?.because}), ready at ${ready} s`;
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

export function clock(second: number): string {
  const [hours, minutes] = [Math.floor(second / 3600), Math.floor(second / 60) % 60];
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}
