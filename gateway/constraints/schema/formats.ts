// Formats of strings that are honoured, each as a pattern that is as narrow as its standard or narrower. Pure.

const month31 = '(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])';
const month30 = '(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)';
/** The 29th of February is left out. */
const february = '02-(?:0[1-9]|1[0-9]|2[0-8])';
const date = `[0-9]{4}-(?:${month31}|${month30}|${february})`;
const hour = '(?:[01][0-9]|2[0-3])';
const time = `${hour}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-]${hour}:[0-5][0-9])`;
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const label = '[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?';
const hostname = `${label}(?:\\.${label}){0,3}`;
const dateDuration =
  '(?:[0-9]{1,4}Y(?:[0-9]{1,4}M)?(?:[0-9]{1,4}D)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|[0-9]{1,4}D)';
const timeDuration =
  'T(?:[0-9]{1,4}H(?:[0-9]{1,4}M)?(?:[0-9]{1,4}S)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S)';

/** RFC 3339 (dates, times, durations), 4122, 1123, 4291 (all eight groups), 5321 (plain words), 3986 (http and https). */
export const formats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  duration: `P(?:${dateDuration}(?:${timeDuration})?|${timeDuration}|[0-9]{1,4}W)`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  email: `[a-zA-Z0-9_+-]{1,24}(?:\\.[a-zA-Z0-9_+-]{1,24}){0,2}@${label}(?:\\.${label}){1,3}`,
  hostname,
  ipv4: `${octet}(?:\\.${octet}){3}`,
  ipv6: '[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}',
  uri: `https?://${hostname}(?::[1-9][0-9]{0,3})?(?:/[a-zA-Z0-9._~-]{0,40}){0,8}(?:\\?[a-zA-Z0-9._~=&-]{0,80})?(?:#[a-zA-Z0-9._~-]{0,40})?`,
};
