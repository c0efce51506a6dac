// The supported formats of strings, each as a pattern that accepts what the format's standard allows, or less.

const month31 = '(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])';
const month30 = '(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)';
const february = '02-(?:0[1-9]|1[0-9]|2[0-8])';
/** Leap years: divisible by 4, and full hundreds only if divisible by 400. */
const leapYear = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)';
/** Years from 0001. Year 0 is left out, because many languages do not have it. */
const year = '(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)';
const date = `(?:${year}-(?:${month31}|${month30}|${february})|${leapYear}-02-29)`;
const hour = '(?:[01][0-9]|2[0-3])';
/** Leap seconds are left out, because their dates are not known here. */
const time = `${hour}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:[zZ]|[+-]${hour}:[0-5][0-9])`;
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = `${octet}(?:\\.${octet}){3}`;
/**
 * A label of a host name. It has at most 41 characters, although its standard allows 63. It never has two hyphens in a row, because
 * in the third and fourth place they announce an encoding (xn--), and not every such label is valid.
 */
const label = '[a-zA-Z0-9]{1,20}(?:-[a-zA-Z0-9]{1,20})?';
const hostname = `${label}(?:\\.${label}){0,5}`;
const days = '(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)';
const clock = 'T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S)';

const group = '[0-9a-fA-F]{1,4}';
/** Addresses with `::` for omitted groups. The index is the number of groups before the `::`. */
const shortened = Array.from({ length: 8 }, (_, before) => {
  const first = before === 0 ? '' : `${group}(?::${group}){${before - 1}}`;
  return `${first}::(?:${group}(?::${group}){0,${6 - before}})?`;
});
const ipv6 = `(?:${group}(?::${group}){7}|${[...shortened.slice(0, 7), `(?:${group}:){7}:`].join('|')})`;

const atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
/** At most 62 characters come before the @, although the standard allows 64. */
const email = `${atom}(?:\\.${atom}){0,2}@${label}(?:\\.${label}){1,4}`;

const escaped = '%[0-9a-fA-F]{2}';
const segment = `(?:[a-zA-Z0-9._~!$&'()*+,;=:@-]|${escaped})`;
const query = `(?:${segment}|[/?])*`;
const registered = `(?:[a-zA-Z0-9._~!$&'()*+,;=-]|${escaped})`;
const authority = `(?:(?:${registered}|:)*@)?(?:${hostname}|${ipv4}|\\[${ipv6}\\])(?::[0-9]{1,5})?`;
const trailing = `(?:\\?${query})?(?:#${query})?`;
const hierarchical = `(?://${authority}(?:/${segment}*)*|/(?:${segment}+(?:/${segment}*)*)?|${segment}+(?:/${segment}*)*)`;
/** Only `file:` may have an empty authority. */
const uri = `(?:file:///(?:${segment}+(?:/${segment}*)*)?|[a-zA-Z][a-zA-Z0-9+.-]{0,31}:${hierarchical})${trailing}`;
const relative = `(?:/(?:${segment}+(?:/${segment}*)*)?|(?:${registered}|@)+(?:/${segment}*)*|//${authority}(?:/${segment}*)*)?${trailing}`;
const uriReference = `(?:${uri}|${relative})`;

const pointer = '(?:/(?:[^~/]|~[01])*)*';
const name = '[a-zA-Z0-9_]+';

/**
 * The patterns follow RFC 3339 (dates, times, durations), 4122 (UUIDs), 1123 (host names), 4291 (IPv6), 5321 (e-mail, without
 * quoted words), 3986 (URIs), 6570 (URI templates) and 6901 (JSON Pointers). The international formats (iri, idn-) accept only
 * ASCII. A `regex` has no groups.
 */
export const formats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}[tT]${time}`,
  duration: `P(?:${days}(?:${clock})?|${clock}|[0-9]{1,9}W)`,
  uuid: '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
  email,
  'idn-email': email,
  hostname,
  'idn-hostname': hostname,
  ipv4,
  ipv6,
  uri,
  iri: uri,
  'uri-reference': uriReference,
  'iri-reference': uriReference,
  'uri-template': `(?:${uriReference}|(?:${segment}|[/?#]|\\{${name}\\})*)`,
  'json-pointer': pointer,
  'relative-json-pointer': `(?:0|[1-9][0-9]*)(?:#|${pointer})`,
  regex:
    '\\^?(?:(?:[a-zA-Z0-9 _/:@#%&=<>"\'!~`,;-]|\\\\[dDwWsS.^$*+?(){}|/\\[\\]\\\\]|\\.|\\[[a-zA-Z0-9 _]+\\])[*+?]?)*\\$?',
};
