// Writes cells as manifests and as Helm charts, the alert rules and the dashboard into deploy-out/. The cells are those of the JSON files
// that the command line names, or else the examples.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorText } from '../base/error-text.ts';
import { packageRoot } from '../base/package.ts';
import type { Cell } from '../infra/deploy/cell-spec.ts';
import { chartFiles } from '../infra/deploy/chart/chart.ts';
import { nano, sigma } from '../infra/deploy/examples.ts';
import { parseCell } from '../infra/deploy/parse-cell.ts';
import { readCells } from '../infra/deploy/read-cell.ts';
import { cellYaml, dashboardJson, rulesYaml } from '../infra/deploy/render.ts';

const out = join(packageRoot, 'deploy-out');

try {
  const files = process.argv.slice(2);
  writeCells(files.length > 0 ? readCells(files) : [nano, sigma].map(parseCell));
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}

function writeCells(cells: readonly Cell[]): void {
  rmSync(out, { recursive: true, force: true });
  write('alerts.yaml', rulesYaml());
  write('dashboard.json', dashboardJson());
  for (const cell of cells) {
    write(`${cell.name}.yaml`, cellYaml(cell));
    for (const [path, text] of Object.entries(chartFiles(cell))) {
      write(join('charts', cell.name, path), text);
    }
  }
}

function write(name: string, text: string): void {
  const path = join(out, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`deploy-out/${name}\n`);
}
