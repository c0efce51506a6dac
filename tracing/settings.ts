// Reads which traces the standard OTEL variables request. Pure. The exporter itself reads the variables for the endpoint, headers
// and certificates.
//
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

export interface TracingSettings {
  sampler: SamplerSettings;
  /** Times in milliseconds, sizes in spans. Absent: the library's default. */
  batch: {
    scheduledDelayMillis?: number;
    exportTimeoutMillis?: number;
    maxQueueSize?: number;
    maxExportBatchSize?: number;
  };
  /** Whether a trace continues the one in the caller's `traceparent` header. */
  continuesCallers: boolean;
}

export interface SamplerSettings {
  /** Whether the sampling decision of a caller's trace is followed. */
  parentBased: boolean;
  /** Share of the new traces that are sent, 0 to 1. */
  ratio: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined if no traces are requested. For each unsupported value, `warn` gets a message that says what is used instead. */
export function tracingSettings(
  env: Environment,
  warn: (message: string) => void,
): TracingSettings | undefined {
  const value = (name: string) => env[name]?.trim() || undefined;
  const endpoint = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? value('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (endpoint === undefined || value('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const exporter = value('OTEL_TRACES_EXPORTER') ?? 'otlp';
  if (exporter !== 'otlp') {
    if (exporter !== 'none') warn(`OTEL_TRACES_EXPORTER is "${exporter}", not "otlp": no traces are sent`);
    return undefined;
  }
  const protocol = value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? value('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== undefined && protocol !== 'http/protobuf') {
    warn(`the OTLP protocol "${protocol}" is not supported: traces are sent as http/protobuf`);
  }
  const count = (name: string, least: number) => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
    warn(`${name} is "${text}", not a whole number of at least ${least}: the default is used`);
    return undefined;
  };
  const batch = {
    scheduledDelayMillis: count('OTEL_BSP_SCHEDULE_DELAY', 0),
    exportTimeoutMillis: count('OTEL_BSP_EXPORT_TIMEOUT', 1),
    maxQueueSize: count('OTEL_BSP_MAX_QUEUE_SIZE', 1),
    maxExportBatchSize: count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1),
  };
  const given = Object.entries(batch).filter(([, each]) => each !== undefined);
  return {
    sampler: sampler(value('OTEL_TRACES_SAMPLER'), value('OTEL_TRACES_SAMPLER_ARG'), warn),
    batch: Object.fromEntries(given),
    continuesCallers: (value('OTEL_PROPAGATORS') ?? 'tracecontext')
      .split(',')
      .some((name) => name.trim() === 'tracecontext'),
  };
}

function sampler(
  name = 'parentbased_always_on',
  share: string | undefined,
  warn: (message: string) => void,
): SamplerSettings {
  const parentBased = name.startsWith('parentbased_');
  switch (parentBased ? name.slice('parentbased_'.length) : name) {
    case 'always_on':
      return { parentBased, ratio: 1 };
    case 'always_off':
      return { parentBased, ratio: 0 };
    case 'traceidratio': {
      const ratio = Number(share ?? 1);
      if (ratio >= 0 && ratio <= 1) return { parentBased, ratio };
      warn(`OTEL_TRACES_SAMPLER_ARG is "${share}", not a number from 0 to 1: all traces are sent`);
      return { parentBased, ratio: 1 };
    }
    default:
      warn(`OTEL_TRACES_SAMPLER is "${name}", which is not known: parentbased_always_on is used`);
      return { parentBased: true, ratio: 1 };
  }
}
