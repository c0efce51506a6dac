// Prepares the npm package: compiles the TypeScript of the command line into dist/, because Node runs no TypeScript below
// node_modules, and copies the console, the edge's migrations and page, Swagger UI and the CPU kernels that were built on this machine.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
rmSync(new URL('dist', root), { recursive: true, force: true });
const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
for (const folder of ['infra/edge/storage/migrations', 'infra/edge/page']) {
  const only = (path: string) => !path.endsWith('.ts');
  cpSync(new URL(folder, root), new URL(`dist/${folder}`, root), { recursive: true, filter: only });
}
cpSync(new URL('console', root), new URL('dist/console', root), { recursive: true });
// The files of Swagger UI that /docs needs (docs/decisions/0021-swagger-ui-copied.md).
for (const name of [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'swagger-ui-bundle.js.LICENSE.txt',
  'LICENSE',
  'NOTICE',
])
  cpSync(new URL(`node_modules/swagger-ui-dist/${name}`, root), new URL(`dist/swagger-ui/${name}`, root));

const built = new URL('kernels/build/Release/kernels.node', root);
const platform = `${process.platform}-${process.arch}`;
if (existsSync(built)) cpSync(built, new URL(`kernels/prebuilt/${platform}/kernels.node`, root));
else
  process.stderr.write(
    'The CPU kernels are not built on this machine. The package will build them where it is installed.\n',
  );
