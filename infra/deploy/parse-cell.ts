// Checks the description of a cell. Errors name the field.

import { errorText } from '../../base/error-text.ts';
import { formatHoldings, Holdings, parseHoldings } from '../../experts/holdings.ts';
import { type Cell, type CellSpec, cellShape, type ExpertSource, type Group } from './cell-spec.ts';
import { groupName } from './names.ts';

/** Kubernetes appends a hyphen and a hash of ten characters, and a label has at most 63. */
const LONGEST_SET_NAME = 52;

/** Throws an error with one line for each wrong field. */
export function parseCell(spec: CellSpec): Cell {
  const { success, data, error } = cellShape.safeParse(spec);
  if (!success) {
    throw new Error(error.issues.map(({ path, message }) => `${fieldOf(path)}: ${message}`).join('\n'));
  }
  const faults = [
    ...namesTwice(data),
    ...longNames(data),
    ...wrongSources(data),
    ...wrongAccess(data),
    ...wrongExperts(data),
  ];
  if (faults.length > 0) throw new Error([...new Set(faults)].join('\n'));
  return data;
}

/** The source of a group's experts. */
export function sourceOf(cell: Cell, { source }: Group): ExpertSource {
  return source ?? cell.experts;
}

function fieldOf(path: readonly PropertyKey[]): string {
  const text = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the cell' : text;
}

function namesTwice({ groups }: Cell): string[] {
  return groups.flatMap(({ name }, i) =>
    groups.findIndex((each) => each.name === name) < i
      ? [`groups[${i}].name: another group has the name ${name}`]
      : [],
  );
}

function longNames(cell: Cell): string[] {
  return cell.groups.flatMap((group, i) => {
    const name = groupName(cell, group);
    if (name.length <= LONGEST_SET_NAME) return [];
    return [
      `groups[${i}].name: its StatefulSet would be called ${name}, which is longer than ${LONGEST_SET_NAME} characters`,
    ];
  });
}

function wrongSources(cell: Cell): string[] {
  return cell.groups.flatMap((group, i) => {
    const source = sourceOf(cell, group);
    if (source.from !== 'shard') return [];
    const field = group.source === undefined ? 'experts.group' : `groups[${i}].source.group`;
    const named = cell.groups.find(({ name }) => name === source.group);
    if (named === undefined) return [`${field}: there is no group ${source.group}`];
    const fault = faultOfSource(cell, named, group);
    return fault === undefined ? [] : [`${field}: ${fault}`];
  });
}

/** Why shards of `group` cannot fetch their experts from shards of `named`. */
function faultOfSource(cell: Cell, named: Group, group: Group): string | undefined {
  const { from } = sourceOf(cell, named);
  if (from === 'shard')
    return `${named.name} itself fetches its experts from a shard; give it another source`;
  // A shard that reads a directory gives all experts of the bundle away. Another one has its own experts only.
  const lacksSome = from === 'https' && named.experts !== group.experts;
  return lacksSome
    ? `${named.name} fetches only its own experts, which are not those of ${group.name}`
    : undefined;
}

function wrongAccess({ gateways, inferencePool, access }: Cell): string[] {
  const faults: string[] = [];
  if (gateways.edgeOnly && gateways.edgeSecret === undefined) {
    faults.push('gateways.edgeOnly: needs gateways.edgeSecret');
  }
  if (inferencePool !== undefined && access.picker === undefined) {
    faults.push(
      'access.picker: is missing: name the pods of the endpoint picker, which read the load of gateways',
    );
  }
  return faults;
}

function wrongExperts(cell: Cell): string[] {
  const held: Holdings[] = [];
  const faults = cell.groups.flatMap(({ experts, replicas }, i) => {
    try {
      const holdings = Holdings.of(parseHoldings(experts, cell.bundle), cell.bundle);
      held.push(...Array.from({ length: replicas }, () => holdings));
      return [];
    } catch (error) {
      return [`groups[${i}].experts: ${errorText(error)}`];
    }
  });
  return faults.length > 0 ? faults : scarceUnits(cell, held);
}

function scarceUnits({ bundle, redundancy }: Cell, held: readonly Holdings[]): string[] {
  const all = Holdings.of(parseHoldings(`0-${bundle.experts - 1}`, bundle), bundle).units();
  const scarce = all.filter(
    ({ layer, expert }) => held.filter((each) => each.has(layer, expert)).length < redundancy,
  );
  if (scarce.length === 0) return [];
  return [
    `groups: fewer than ${redundancy} shards (redundancy) hold the experts ${formatHoldings(scarce, bundle)}`,
  ];
}
