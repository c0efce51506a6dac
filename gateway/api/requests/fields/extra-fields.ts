// The fields of vLLM's and ours that the Responses and the Messages endpoints take beside their own API's: those that their
// answers have room for. Knows neither.
import { commonFields } from './schema-fields.ts';

const { min_p, seed, presence_penalty, frequency_penalty, repetition_penalty, logit_bias } = commonFields;
const { min_tokens, stop_token_ids, ignore_eos, priority, cache_salt, expertgrid } = commonFields;

export const extraFields = {
  min_p,
  seed,
  presence_penalty,
  frequency_penalty,
  repetition_penalty,
  logit_bias,
  min_tokens,
  stop_token_ids,
  ignore_eos,
  priority,
  cache_salt,
  /** Neither answer has a place for what is told of each token. */
  expertgrid: expertgrid.unwrap().unwrap().omit({ digests: true, routes: true }).nullish(),
};

type ExtraName = keyof typeof extraFields;

/** Those of a request's fields that are meant as they are for a chat request. */
export function extrasOf<Request extends Partial<Record<ExtraName, unknown>>>(
  request: Request,
): Pick<Request, ExtraName & keyof Request> {
  const names = Object.keys(extraFields);
  const given = Object.entries(request).filter(([name]) => names.includes(name));
  return Object.fromEntries(given) as Pick<Request, ExtraName & keyof Request>;
}
