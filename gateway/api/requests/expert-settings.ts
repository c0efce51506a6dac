// The settings of how many experts a token uses, from a request or as the gateway's default: checks them against a model, and turns them
// into the engine's routing. Pure.

import {
  budgetRange,
  type expertPolicies,
  type RequestRouting,
  type RoutingShape,
  splitBudget,
} from '../../engine/messages.ts';
import { badRequest } from '../errors.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** Fields of `expertgrid`. `null` means absent. */
export interface ExpertSettings {
  experts_per_token?: number | readonly number[] | null | undefined;
  expert_budget?: number | null | undefined;
  expert_policy?: (typeof expertPolicies)[number] | null | undefined;
}

export type ExpertField = keyof ExpertSettings;

/** A setting that the model does not take. */
export interface ExpertFault {
  field: ExpertField;
  code: string;
  message: string;
}

/** The settings of these that are given. Undefined: none is. */
function givenSettings(settings: ExpertSettings | null | undefined): ExpertSettings | undefined {
  const { experts_per_token, expert_budget, expert_policy } = settings ?? {};
  const given = {
    ...(experts_per_token != null && { experts_per_token }),
    ...(expert_budget != null && { expert_budget }),
    ...(expert_policy != null && { expert_policy }),
  };
  return Object.keys(given).length > 0 ? given : undefined;
}

/**
 * The settings that count for a request because it makes none itself: those of the stream that it continues, or else `byDefault`.
 * Undefined: the request makes its own, or the checkpoint's numbers count.
 */
export function inheritedSettings(
  { expertgrid }: Pick<CommonRequest, 'expertgrid'>,
  byDefault: ExpertSettings | undefined,
  continued: { experts?: ExpertSettings | undefined } | undefined,
): ExpertSettings | undefined {
  if (givenSettings(expertgrid) !== undefined) return undefined;
  return continued === undefined ? byDefault : continued.experts;
}

/** The routing of a request. Undefined: the checkpoint's. Throws a 400 if the model does not take the settings. */
export function requestRouting(
  { expertgrid }: Pick<CommonRequest, 'expertgrid'>,
  inherited: ExpertSettings | undefined,
  shape: RoutingShape,
): RequestRouting | undefined {
  const settings = givenSettings(expertgrid) ?? inherited;
  if (settings === undefined) return undefined;
  const nameOf = (field: ExpertField) => `expertgrid.${field}`;
  const routing = routingOf(settings, shape, nameOf);
  if (!('field' in routing)) return routing;
  throw badRequest(routing.message, { param: nameOf(routing.field), code: routing.code });
}

/** The routing of the settings, or why the model does not take them. `nameOf` gives the name of a field in messages. */
export function routingOf(
  { experts_per_token: each, expert_budget: budget, expert_policy: policy }: ExpertSettings,
  shape: RoutingShape,
  nameOf: (field: ExpertField) => string,
): RequestRouting | ExpertFault {
  const { layers, perToken } = shape;
  if (each != null && budget != null) {
    const [one, other] = [nameOf('experts_per_token'), nameOf('expert_budget')];
    const message = `'${one}' cannot be combined with '${other}'.`;
    return { field: 'expert_budget', code: 'invalid_parameter_combination', message };
  }
  if (policy != null && budget == null) {
    const message = `'${nameOf('expert_policy')}' needs '${nameOf('expert_budget')}'.`;
    return { field: 'expert_policy', code: 'invalid_parameter_combination', message };
  }
  if (budget != null) {
    const range = budgetRange(shape);
    const fault = outside('expert_budget', budget, { ...range, nameOf });
    if (fault !== undefined) return fault;
    return policy === 'unsure' ? { unsureBudget: budget } : { expertsPerToken: splitBudget(budget, layers) };
  }
  if (each == null) return {};
  if (typeof each !== 'number' && each.length !== layers) {
    const message = `Invalid '${nameOf('experts_per_token')}': expected one number, or one for each of ${layers} layers, but got ${each.length}.`;
    return { field: 'experts_per_token', code: 'invalid_array_length', message };
  }
  const expertsPerToken = typeof each === 'number' ? new Array<number>(layers).fill(each) : each;
  for (const k of expertsPerToken) {
    const fault = outside('experts_per_token', k, { ...perToken, nameOf });
    if (fault !== undefined) return fault;
  }
  return { expertsPerToken };
}

function outside(
  field: ExpertField,
  value: number,
  { least, most, nameOf }: { least: number; most: number; nameOf: (field: ExpertField) => string },
): ExpertFault | undefined {
  if (value >= least && value <= most) return undefined;
  const [code, what] =
    value > most
      ? ['integer_above_max_value', `integer above maximum value. Expected a value <= ${most}`]
      : ['integer_below_min_value', `integer below minimum value. Expected a value >= ${least}`];
  const range = least === most ? `This model takes only ${most}.` : `This model takes ${least} to ${most}.`;
  return { field, code, message: `Invalid '${nameOf(field)}': ${what}, but got ${value} instead. ${range}` };
}
