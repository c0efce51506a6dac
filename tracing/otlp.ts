// Sends traces as OTLP over HTTP. The only importer of OpenTelemetry's library. Spans are queued, and dropped if the collector does
// not accept them.
import {
  createTraceState,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { version } from '../base/package.ts';
import type { CallerTrace, RequestTrace, Tracing } from '../gateway/api/telemetry/telemetry.ts';
import type { SamplerSettings, TracingSettings } from './settings.ts';
import { hasFailed, phases, requestAttributes, spanName } from './story.ts';
import { readTraceParent, writeTraceParent } from './trace-context.ts';

/** `close` sends the queued spans, and rejects if the collector does not accept them. `warn` is called if spans are lost. */
export function otlpTracing(
  settings: TracingSettings,
  warn: (message: string) => void,
): Tracing & { close(): Promise<void> } {
  diag.setLogger(
    { error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const own = resourceFromAttributes({ 'service.name': 'expertgrid', 'service.version': version });
  const given = detectResources({ detectors: [serviceInstanceIdDetector, envDetector] });
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), ...settings.batch });
  const provider = new TracerProvider({
    resource: defaultResource().merge(own).merge(given),
    sampler: samplerOf(settings.sampler),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('expertgrid', version);
  return {
    begin: (caller) => begin(tracer, settings.continuesCallers ? parentOf(caller) : ROOT_CONTEXT),
    close: () => provider.shutdown(),
  };
}

function samplerOf({ parentBased, ratio }: SamplerSettings): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function parentOf({ traceparent, tracestate }: CallerTrace): typeof ROOT_CONTEXT {
  const parent = readTraceParent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const traceState = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) };
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, ...traceState, isRemote: true });
}

/** Child spans are created when the request ends, because only then are the times of all of them known. */
function begin(tracer: Tracer, parent: typeof ROOT_CONTEXT): RequestTrace {
  const startTime = Date.now();
  const span: Span = tracer.startSpan('request', { kind: SpanKind.SERVER, startTime }, parent);
  const context = span.spanContext();
  return {
    traceId: context.traceId,
    traceparent: writeTraceParent(context),
    end(story) {
      if (!span.isRecording()) return;
      const inside = trace.setSpan(parent, span);
      for (const { name, from, to, attributes } of phases(story)) {
        const phase = { kind: SpanKind.INTERNAL, startTime: startTime + from, attributes };
        tracer.startSpan(name, phase, inside).end(startTime + to);
      }
      span.updateName(spanName(story));
      span.setAttributes(requestAttributes(story));
      if (hasFailed(story)) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(startTime + story.durationMs);
    },
  };
}
