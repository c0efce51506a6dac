// What the operators' page of the edge shows: the state of the gateways, and the use of the keys.
import type { Account } from '../accounts/account.ts';
import { type CountName, type Counts, countNames } from '../counts.ts';
import type { Gateways } from '../gateways/gateways.ts';
import type { Region } from '../regions/regions.ts';
import type { UsageDay } from '../usage/usage-store.ts';

export interface StatusParts {
  regions: readonly Region[];
  gateways: Gateways;
  counts: Counts;
  accounts: readonly Account[];
  /** The usage of this month. */
  month: readonly UsageDay[];
  /** Whether other instances of the edge have states and counts of their own. */
  isOneOfMany: boolean;
  /** Unix milliseconds. */
  now: number;
}

export function statusOf({ regions, gateways, counts, accounts, month, isOneOfMany, now }: StatusParts) {
  return {
    regions: regions.map(({ name, place = null, weight }) => ({
      ...{ name, place, weight },
      gateways: gateways.in(name).map((gateway) => ({
        url: gateway.url,
        healthy: gateways.isHealthy(gateway),
        open: gateway.aborts.size,
        round_trip_ms: gateway.roundTripMs ?? null,
        counts: Object.fromEntries(
          countNames.map((count): [CountName, number] => [count, counts.get(count, gateway.url)]),
        ),
      })),
    })),
    keys: accounts.map((account) => keyStatus(account, month, now)),
    scope: isOneOfMany
      ? 'States and counts are those of the instance of the Worker that has answered. Keys are those of all instances.'
      : 'Counts since the edge has started.',
  };
}

function keyStatus(account: Account, month: readonly UsageDay[], now: number) {
  const { name, shown, disabled, expires, budget } = account;
  const days = month.filter(({ key }) => key === name);
  const sum = (of: (day: UsageDay) => number) => days.reduce((total, day) => total + of(day), 0);
  const [prompt_tokens, generated_tokens] = [
    sum((day) => day.prompt_tokens),
    sum((day) => day.generated_tokens),
  ];
  return {
    ...{ name, shown, budget },
    state: disabled ? 'disabled' : expires !== null && expires <= now ? 'expired' : 'enabled',
    limits: limitsText(account),
    month: {
      requests: sum((day) => day.requests),
      ...{ prompt_tokens, generated_tokens, tokens: prompt_tokens + generated_tokens },
      estimated: sum((day) => day.estimated),
    },
  };
}

function limitsText({ rpm, tpm, concurrency }: Account): string {
  const limits = [
    rpm === null ? [] : `${rpm} requests/min`,
    tpm === null ? [] : `${tpm} tokens/min`,
    concurrency === null ? [] : `${concurrency} at once`,
  ];
  return limits.flat().join(', ') || '–';
}
