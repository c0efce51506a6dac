// Compares the edge's rows of usage with the answers: each answer must have one row, with the tokens of its kind of request.
import type { UsageRow } from '../../infra/edge/usage/usage-row.ts';
import { type Verdict, verdict } from '../print.ts';
import type { Answer } from './answers.ts';
import type { Fleet } from './fleet.ts';

/** `undisturbed`: the answers without faults, whose rows tell the tokens of each kind. */
export async function usageVerdicts(
  { edge, key }: Pick<Fleet, 'edge' | 'key'>,
  undisturbed: readonly Answer[],
  disturbed: readonly Answer[],
): Promise<Verdict[]> {
  const answer = await fetch(`${edge}/usage?by=request`, { headers: { authorization: `Bearer ${key}` } });
  const { usage, truncated } = (await answer.json()) as { usage: UsageRow[]; truncated: boolean };
  if (truncated) throw new Error('there are more rows of usage than one answer has');
  const rows = Map.groupBy(usage, ({ request }) => request);
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
    verdict('rows with estimated tokens', usage.filter(({ estimated }) => estimated === 1).length, 0),
  ];
}
