// Checks the description of a cell. Errors name the field.

import { errorText } from '../../base/error-text.ts';
import { formatHoldings, Holdings, parseHoldings } from '../../experts/holdings.ts';
import { type Cell, type CellSpec, cellShape, type ExpertSource, type Group } from './cell-spec.ts';
import { groupName } from './names.ts';
import { expertsOf } from './scaling/scaled-objects.ts';

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
    ...wrongScaling(data),
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
  if (gateways.edgeOnly && gateways.apiKeysSecret !== undefined) {
    faults.push('gateways.apiKeysSecret: with edgeOnly no API key of a gateway is valid; leave it out');
  }
  if (inferencePool !== undefined && access.picker === undefined) {
    faults.push(
      'access.picker: is missing: name the pods of the endpoint picker, which read the load of gateways',
    );
  }
  return faults;
}

function wrongScaling(cell: Cell): string[] {
  const { scaling, gateways, groups, access } = cell;
  const fields: [string, Pick<Group, 'replicas' | 'maxReplicas' | 'rowsPerSecond'>][] = [
    ['gateways', gateways],
    ...groups.map((group, i): [string, Group] => [`groups[${i}]`, group]),
  ];
  const faults = fields.flatMap(([field, { replicas, maxReplicas, rowsPerSecond }]) => [
    ...(maxReplicas !== undefined && maxReplicas < replicas
      ? [`${field}.maxReplicas: is less than replicas (${replicas})`]
      : []),
    ...(maxReplicas !== undefined && scaling === undefined ? [`${field}.maxReplicas: needs scaling`] : []),
    ...(rowsPerSecond !== undefined && maxReplicas === undefined
      ? [`${field}.rowsPerSecond: needs maxReplicas`]
      : []),
  ]);
  if (scaling?.signals.from === 'gateways' && access.keda === undefined) {
    faults.push('access.keda: is missing: name the pods of KEDA, which read the load of gateways');
  }
  return faults;
}

/** Gateways count all shards with the same experts as one group, so KEDA could not tell two such groups apart. */
function indistinctGroups(cell: Cell): string[] {
  const { scaling, groups } = cell;
  if (scaling === undefined) return [];
  const all = groups.map((group) => expertsOf(cell, group));
  return groups.flatMap(({ maxReplicas }, i) => {
    const twin = groups.find((_, other) => other !== i && all[other] === all[i]);
    if (maxReplicas === undefined || twin === undefined) return [];
    return [
      `groups[${i}].maxReplicas: the group ${twin.name} has the same experts; make one group of both, so that KEDA can scale it`,
    ];
  });
}

function wrongExperts(cell: Cell): string[] {
  const held: HeldByGroup[] = [];
  const faults = cell.groups.flatMap(({ experts, replicas }, i) => {
    try {
      held.push({ holdings: Holdings.of(parseHoldings(experts, cell.bundle), cell.bundle), replicas });
      return [];
    } catch (error) {
      return [`groups[${i}].experts: ${errorText(error)}`];
    }
  });
  return faults.length > 0 ? faults : [...scarceUnits(cell, held), ...indistinctGroups(cell)];
}

interface HeldByGroup {
  holdings: Holdings;
  replicas: number;
}

function scarceUnits({ bundle, redundancy }: Cell, held: readonly HeldByGroup[]): string[] {
  const all = Holdings.of(parseHoldings(`0-${bundle.experts - 1}`, bundle), bundle).units();
  /** Units of which fewer shards than `least` are left if each group is without `away` of its shards. */
  const withFewer = (least: number, away: number) =>
    all.filter(({ layer, expert }) => {
      const holders = held.filter(({ holdings }) => holdings.has(layer, expert));
      return holders.reduce((count, { replicas }) => count + replicas - away, 0) < least;
    });
  const scarce = withFewer(redundancy, 0);
  if (scarce.length > 0) {
    return [
      `groups: fewer than ${redundancy} shards (redundancy) hold the experts ${formatHoldings(scarce, bundle)}`,
    ];
  }
  // Kubernetes replaces one shard of each group at the same time, and its budgets let one of each group leave.
  const lost = redundancy > 1 ? withFewer(1, 1) : [];
  if (lost.length === 0) return [];
  return [
    `groups: only groups of one shard hold the experts ${formatHoldings(lost, bundle)}, and all groups are updated at the same time. Give one of these groups 2 replicas`,
  ];
}
