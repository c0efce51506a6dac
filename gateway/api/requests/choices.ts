// Reads from the request how many choices are generated and how those that are returned are selected.
import { extractorOf } from '../answers/choices/extract.ts';
import { Selection, type SelectRules } from '../answers/choices/selection.ts';
import type { Limits } from '../context.ts';
import { badRequest } from '../errors.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** Smallest number of choices in a round of a vote, if the request does not say it. */
const DEFAULT_ROUND = 4;

type ChoiceFields = Pick<
  CommonRequest,
  'n' | 'best_of' | 'select' | 'select_answer' | 'select_round' | 'stream'
>;

interface Choices {
  /** Number of answers that are returned for each prompt. */
  wanted: number;
  /** Largest number of answers that are generated for each prompt. */
  made: number;
  /** Absent: all answers are returned in the order of their numbers. */
  selection?: Selection;
}

/** Throws a 400 for too many answers, and for fields that exclude each other. */
export function choicesOf(
  request: ChoiceFields,
  prompts: number,
  { choices: most }: Pick<Limits, 'choices'>,
): Choices {
  const wanted = request.n ?? 1;
  const made = request.best_of ?? wanted;
  if (made < wanted) {
    const message = `Invalid 'best_of': expected at least 'n', which is ${wanted}, but got ${made}.`;
    throw badRequest(message, { param: 'best_of', code: 'integer_below_min_value' });
  }
  refuseCombinations(request, made > wanted);
  if (prompts * made > most) {
    const param = made > wanted ? 'best_of' : 'n';
    const message = `Invalid '${param}': ${prompts} prompts with ${made} answers each exceed the limit of ${most} answers in one request.`;
    throw badRequest(message, { param, code: 'integer_above_max_value' });
  }
  const rules = selectRules(request, { made, wanted });
  return { wanted, made, ...(rules && { selection: new Selection(rules) }) };
}

/** `chooses`: fewer answers are returned than generated. */
function refuseCombinations(
  { select, select_answer, select_round, stream }: ChoiceFields,
  chooses: boolean,
): void {
  const refuse = (param: keyof ChoiceFields, message: string) => {
    return badRequest(message, { param, code: 'invalid_parameter_combination' });
  };
  if (chooses && stream === true) {
    throw refuse('best_of', "With 'stream', the 'best_of' parameter must equal 'n'.");
  }
  if (typeof select === 'string' && stream === true) {
    throw refuse('select', "The 'select' parameter is not allowed when 'stream' is enabled.");
  }
  for (const [param, value] of Object.entries({ select_answer, select_round })) {
    if ((value ?? undefined) === undefined || select === 'majority') continue;
    const name = param as 'select_answer' | 'select_round';
    throw refuse(name, `The '${name}' parameter is only allowed when 'select' is 'majority'.`);
  }
}

function selectRules(
  { select, select_answer, select_round }: ChoiceFields,
  { made, wanted }: { made: number; wanted: number },
): SelectRules | undefined {
  const isTold = typeof select === 'string';
  if (made === wanted && !isTold) return undefined;
  const extract = extractorOf(select_answer ?? 'text');
  if (extract === undefined) throw new Error('the schema accepts an unknown extractor');
  return { by: select ?? 'logprob', extract, isTold, made, wanted, round: select_round ?? DEFAULT_ROUND };
}
