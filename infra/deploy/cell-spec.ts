// The description of a cell: its gateways, the groups of its shards and where the weights come from. The defaults of a cell stand here.
import { z } from 'zod';
import { GATEWAY_ANSWER_MIB, GATEWAY_CORES, GATEWAY_KV_MIB, SHARD_CORES } from '../capacity/process-needs.ts';

/** A label of Kubernetes. Cells have short names, because names of pods and services are built from them. */
const label = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/, 'must be 1 to 40 lower-case letters, digits and hyphens');

const secretName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of a Secret');

const image = z
  .string()
  .regex(/^\S+(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$/, 'must end with a tag or a digest')
  .refine(
    (name) => !name.endsWith(':latest'),
    'must not have the tag latest, which changes without a notice',
  );

/** Of a zone, or of a region at the edge. */
const regionName = z
  .string()
  .regex(/^[\w.-]{1,64}$/, 'must have 1 to 64 letters, digits, dots, hyphens or underscores');

const count = z.int().min(1);
const cores = z.number().min(0.1).max(64);
const mebibytes = z.int().min(1);
const absolutePath = z.string().regex(/^\/\S*$/, 'must be an absolute path');

/** The sizes of a bundle, which its bundle.json has (`bundle-sizes.ts` reads them). */
const bundle = z.strictObject({
  /** Requests name the model by this name. */
  name: z.string().regex(/^[\w][\w.-]*$/, 'must be the name of a directory'),
  layers: count,
  /** Experts of each layer. */
  experts: count,
  expertBytes: count,
  /** Bytes of everything but the experts. */
  denseBytes: count,
});

/** The directory of the bundle, which gateways read, and shards too unless they fetch their experts. */
const directory = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('image'), path: z.union([z.literal('nano'), absolutePath]) }),
  z.strictObject({ from: z.literal('claim'), claim: label, path: absolutePath.default('/models') }),
]);

const experts = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('directory') }),
  z.strictObject({ from: z.literal('https'), url: z.url({ protocol: /^https$/ }) }),
  /** Pod 0 of another group. */
  z.strictObject({ from: z.literal('shard'), group: label }),
]);

/** Resources of Kubernetes for a device of `--device`. */
const gpu = z.strictObject({
  device: z.enum(['webgpu', 'cuda']),
  resource: z.string().default('nvidia.com/gpu'),
  count: count.default(1),
});

const group = z.strictObject({
  name: label,
  /** As for `shard --experts`. */
  experts: z.string().min(1),
  /** With KEDA, the least number. */
  replicas: count.default(2),
  /** The most replicas that KEDA starts. Default: as `replicas`. Needs `scaling`. */
  maxReplicas: count.optional(),
  /** Rows a second that one shard should compute. Default: KEDA does not count rows. */
  rowsPerSecond: z.number().positive().optional(),
  cpu: cores.default(SHARD_CORES),
  /** Default: computed from the bundle. */
  memoryMiB: mebibytes.optional(),
  /** Default: that of the cell. */
  source: experts.optional(),
  gpu: gpu.optional(),
});

const gateways = z.strictObject({
  replicas: count.default(2),
  maxReplicas: count.optional(),
  cpu: cores.default(GATEWAY_CORES),
  memoryMiB: mebibytes.optional(),
  kvMemoryMiB: mebibytes.default(GATEWAY_KV_MIB),
  answerMemoryMiB: mebibytes.default(GATEWAY_ANSWER_MIB),
  /** Seconds for open requests to finish after SIGTERM. */
  graceSeconds: z.int().min(0).max(3600).default(30),
  /** Whether gateways share cached prefixes and hand streams over. They speak plain HTTP to each other. */
  peers: z.boolean().default(true),
  /** Secret with the key `edge-secret`. */
  edgeSecret: secretName.optional(),
  edgeOnly: z.boolean().default(false),
  /** Secret with the key `api-keys`. */
  apiKeysSecret: secretName.optional(),
  gpu: gpu.optional(),
});

/** Pods outside the cell: those with these labels, in this namespace. */
const outsider = z.strictObject({ namespace: label, labels: z.record(z.string(), z.string()) });

const security = z
  .strictObject({
    /** Secrets with the keys tls.crt, tls.key and ca.crt. */
    tls: z.strictObject({ gatewaySecret: secretName, shardSecret: secretName }).optional(),
    /** Secret with the key `secret`. */
    sharedSecret: secretName.optional(),
  })
  .refine(({ tls, sharedSecret }) => tls !== undefined || sharedSecret !== undefined, {
    message: 'must have tls, sharedSecret or both: shards refuse to listen on a network without credentials',
  });

/** Pods that may call the gateways, besides the gateways themselves. */
const access = z.strictObject({
  /** Those that send requests, such as the edge or the proxy of an InferencePool. */
  callers: z.array(outsider).default([]),
  prometheus: outsider.optional(),
  keda: outsider.optional(),
  picker: outsider.optional(),
});

/** Lets KEDA set the number of replicas. */
const scaling = z.strictObject({
  /** Where KEDA reads the load. */
  signals: z
    .discriminatedUnion('from', [
      /** The gateways' /v1/scaling. */
      z.strictObject({ from: z.literal('gateways') }),
      /** `url` of the server. It must scrape the gateways, as it does with `prometheusOperator`. */
      z.strictObject({ from: z.literal('prometheus'), url: z.url({ protocol: /^https?$/ }) }),
    ])
    .prefault({ from: 'gateways' }),
  /** Scales the whole cell to zero while nobody wants its region. */
  zero: z
    .strictObject({
      /** Origin of the edge, which is never scaled to zero. */
      edge: z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be an origin, such as https://edge.example.com'),
      /** The cell's region at the edge. */
      region: regionName,
      /** Secret with the key `admin-secret`, if the edge has one. */
      adminSecret: secretName.optional(),
    })
    .optional(),
});

const inferencePool = z.strictObject({
  /** Service of the endpoint picker, in the namespace of the cell. */
  pickerService: label,
  pickerPort: z.int().min(1).max(65_535).default(9002),
});

export const cellShape = z.strictObject({
  name: label,
  namespace: label,
  image,
  imagePullSecret: secretName.optional(),
  bundle,
  directory,
  experts: experts.prefault({ from: 'directory' }),
  /** Where fetched experts and placements are kept. */
  state: z
    .discriminatedUnion('in', [
      z.strictObject({ in: z.literal('emptyDir') }),
      z.strictObject({ in: z.literal('claim'), storageClass: z.string().optional() }),
    ])
    .prefault({ in: 'emptyDir' }),
  groups: z.array(group).min(1),
  /** Shards on which every unit must be. */
  redundancy: count.default(2),
  gateways: gateways.prefault({}),
  /** Whether two replicas may be on one node if no other node has room. */
  spread: z.enum(['required', 'preferred']).default('required'),
  zone: regionName.optional(),
  security,
  access: access.prefault({}),
  /** Default: the numbers of replicas are fixed. */
  scaling: scaling.optional(),
  /** Whether the operator of Prometheus is installed, which reads ServiceMonitors and PrometheusRules. */
  prometheusOperator: z.boolean().default(false),
  inferencePool: inferencePool.optional(),
});

/** What is written down; fields with a default may be missing. */
export type CellSpec = z.input<typeof cellShape>;
export type Cell = z.output<typeof cellShape>;
export type Group = Cell['groups'][number];
export type Scaling = NonNullable<Cell['scaling']>;
export type Gpu = z.output<typeof gpu>;
export type ExpertSource = Cell['experts'];
export type Outsider = z.output<typeof outsider>;
