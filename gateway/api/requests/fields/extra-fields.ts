// The fields of vLLM and of this server that the Responses and Messages endpoints accept in addition to those of their APIs.
import { samplingFields } from './sampling-fields.ts';
import { commonFields } from './schema-fields.ts';

/** The Responses and Messages APIs define these three fields themselves. */
const { temperature: _temperature, top_p: _topP, top_k: _topK, ...sampling } = samplingFields;
const { min_tokens, stop_token_ids, ignore_eos, priority, cache_salt, expertgrid } = commonFields;

export const extraFields = {
  ...sampling,
  min_tokens,
  stop_token_ids,
  ignore_eos,
  priority,
  cache_salt,
  /** Omits the two options that add data about each token, because the answers of these APIs have no place for such data. */
  expertgrid: expertgrid.unwrap().unwrap().omit({ digests: true, routes: true }).nullish(),
};

type ExtraName = keyof typeof extraFields;

/** The extra fields of a request. They mean the same in a chat request. */
export function extrasOf<Request extends Partial<Record<ExtraName, unknown>>>(
  request: Request,
): Pick<Request, ExtraName & keyof Request> {
  const names = Object.keys(extraFields);
  const given = Object.entries(request).filter(([name]) => names.includes(name));
  return Object.fromEntries(given) as Pick<Request, ExtraName & keyof Request>;
}
