// Builds the CPU kernels with the node-gyp inside npm. `npm install` runs this script, so a missing compiler must not make it fail;
// without the kernels, ONNX Runtime computes, if it is installed. The script is plain JavaScript, because Node does not strip types
// below node_modules.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const prebuilt = join(here, 'prebuilt', `${process.platform}-${process.arch}`, 'kernels.node');

// If the running Node has its headers beside it, node-gyp need not download them. Headers of any version will do, because of N-API.
const beside = dirname(dirname(process.execPath));
const headers = existsSync(join(beside, 'include/node/node_api.h')) ? [`--nodedir=${beside}`] : [];

function build() {
  const tool = process.env.npm_config_node_gyp;
  if (tool === undefined) return 'run this through npm, which brings node-gyp';
  const { status, error, stderr } = spawnSync(
    process.execPath,
    [tool, 'rebuild', '--directory', here, '--jobs', 'max', ...headers],
    { encoding: 'utf8' },
  );
  if (status === 0) return undefined;
  return error?.message ?? stderr.split('\n').find((line) => /error|ERR! stack/i.test(line)) ?? 'no compiler';
}

/** Whether the packed build loads. It may need a newer C library than this machine has. */
function packedLoads() {
  try {
    createRequire(import.meta.url)(prebuilt);
    return true;
  } catch {
    return false;
  }
}

if (!(existsSync(prebuilt) && packedLoads())) {
  const reason = build();
  if (reason !== undefined)
    console.error(
      `the CPU kernels are not built (${reason.trim()}): ONNX Runtime is needed (docs/devices.md)`,
    );
}
