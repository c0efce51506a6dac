// The regions of an edge, as its operator configures them. Pure.
import { z } from 'zod';

/** A point on the Earth, in degrees. */
export interface Place {
  latitude: number;
  longitude: number;
}

export interface Region {
  name: string;
  /** Origins of its gateways. */
  gateways: readonly string[];
  /** Undefined: its distance to a caller is the round trip from this edge. */
  place?: Place | undefined;
  /** Share of the requests among regions that are equally near. */
  weight: number;
}

/** Names are labels of metrics, and gateways refuse names of more than 64 characters. */
const regionName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'expected a letter or digit, and up to 64 of A-Z a-z 0-9 . _ -',
  );

const regionsSchema = z.strictObject({
  regions: z
    .array(
      z.strictObject({
        name: regionName,
        gateways: z.array(z.string().transform(toOrigin)).min(1),
        place: z
          .strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
          .optional(),
        weight: z.number().positive().max(1_000).default(1),
      }),
    )
    .min(1),
});

/** Parses the text of the configuration, such as
 * `{"regions":[{"name":"eu","gateways":["https://eu-1.example.com"],"place":{"latitude":50.1,"longitude":8.7}}]}`.
 * Throws an error that names `from` and the wrong field.
 */
export function parseRegions(text: string, from: string): Region[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${from} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const read = regionsSchema.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Error(`${from}: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
  const { regions } = read.data;
  const twice =
    repeated(regions.map(({ name }) => name)) ?? repeated(regions.flatMap(({ gateways }) => gateways));
  if (twice !== undefined) throw new Error(`${from} has ${twice} twice`);
  return regions;
}

/** The region of an edge that knows only the addresses of its gateways. */
export function onlyRegion(name: string, gateways: readonly string[]): Region[] {
  return [{ name, gateways, weight: 1 }];
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** The origin of a gateway's address. Throws an error that says what is wrong with it. */
export function gatewayOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new Error(`'${text}' is not an address: expected a scheme, a host and, if needed, a port`);
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    throw new Error(
      `'${text}' is not on this machine, and over http:// others could read its answers: use https://`,
    );
  }
  return url.origin;
}

function toOrigin(text: string, context: z.RefinementCtx): string {
  try {
    return gatewayOrigin(text);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
}

function repeated(texts: readonly string[]): string | undefined {
  return texts.find((text, i) => texts.indexOf(text) !== i);
}
