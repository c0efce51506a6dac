// Compares the edge's rows of usage with the answers: each answer must have one row, with the tokens of its kind of request.
import type { UsageRow } from '../../infra/edge/usage/usage-row.ts';
import { type Verdict, verdict } from '../print.ts';
import type { Answer } from './answers.ts';
import { FAR } from './cells.ts';
import type { Fleet } from './fleet.ts';

type Rows = ReadonlyMap<string, readonly UsageRow[]>;

/** The edge's rows of usage by `x-request-id`. */
export async function rowsByRequest({ edge, key }: Pick<Fleet, 'edge' | 'key'>): Promise<Rows> {
  const answer = await fetch(`${edge}/usage?by=request`, { headers: { authorization: `Bearer ${key}` } });
  const { usage, truncated } = (await answer.json()) as { usage: UsageRow[]; truncated: boolean };
  if (truncated) throw new Error('there are more rows of usage than one answer has');
  return Map.groupBy(usage, ({ request }) => request);
}

/** `undisturbed`: the answers without faults, whose rows tell the tokens of each kind. */
export function usageVerdicts(
  rows: Rows,
  undisturbed: readonly Answer[],
  disturbed: readonly Answer[],
): Verdict[] {
  const tokensOf = ({ id }: Answer) => {
    const [row] = rows.get(id) ?? [];
    return row && `${row.prompt_tokens} + ${row.generated_tokens}`;
  };
  const expected = new Map(undisturbed.map((each) => [each.kind, tokensOf(each)]));
  const whole = disturbed.filter(({ outcome }) => outcome === 'whole');
  return [
    verdict(
      'answers without exactly one row of usage',
      disturbed.filter(({ id }) => rows.get(id)?.length !== 1).length,
      0,
    ),
    verdict(
      'rows with other tokens',
      whole.filter((each) => tokensOf(each) !== expected.get(each.kind)).length,
      0,
    ),
    verdict(
      'rows with estimated tokens',
      [...rows.values()].flat().filter(({ estimated }) => estimated === 1).length,
      0,
    ),
  ];
}

/** `whole`: answers while the near cell was not lost. `disturbed`: answers while cells were killed. */
export function regionVerdicts(
  rows: Rows,
  { whole, disturbed }: { whole: readonly Answer[]; disturbed: readonly Answer[] },
): Verdict[] {
  const regions = ({ id }: Answer) => rows.get(id)?.[0]?.regions.split(',') ?? [];
  const isFar = (answer: Answer) => regions(answer).includes(FAR);
  const both = disturbed.filter((answer) => regions(answer).length > 1).length;
  const far = disturbed.filter(isFar).length;
  console.log(`while cells were killed: ${far} answers served far, ${both} of all in both cells`);
  return [
    verdict('answers served far although the near cell was there', whole.filter(isFar).length, 0),
    verdict('1 if no answer was served far while cells were killed', far > 0 ? 0 : 1, 0),
  ];
}
