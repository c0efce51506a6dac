// Writes the example cells as manifests and as Helm charts, and the alert rules, into deploy-out/.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../base/package.ts';
import { chartFiles } from '../infra/deploy/chart/chart.ts';
import { nano, sigma } from '../infra/deploy/examples.ts';
import { parseCell } from '../infra/deploy/parse-cell.ts';
import { cellYaml, rulesYaml } from '../infra/deploy/render.ts';

const out = join(packageRoot, 'deploy-out');
rmSync(out, { recursive: true, force: true });
write('alerts.yaml', rulesYaml());
for (const spec of [nano, sigma]) {
  const cell = parseCell(spec);
  write(`${cell.name}.yaml`, cellYaml(cell));
  for (const [path, text] of Object.entries(chartFiles(cell))) write(join('charts', cell.name, path), text);
}

function write(name: string, text: string): void {
  const path = join(out, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`deploy-out/${name}\n`);
}
