// Writes the objects of Kubernetes of the example cells, and the alert rules, as YAML into deploy-out/.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nano, sigma } from '../infra/deploy/examples.ts';
import { parseCell } from '../infra/deploy/parse-cell.ts';
import { cellYaml, rulesYaml } from '../infra/deploy/render.ts';

const out = new URL('../deploy-out/', import.meta.url);
rmSync(out, { recursive: true, force: true });
mkdirSync(out);
const files = {
  'nano.yaml': cellYaml(parseCell(nano)),
  'sigma.yaml': cellYaml(parseCell(sigma)),
  'alerts.yaml': rulesYaml(),
};
for (const [name, text] of Object.entries(files)) writeFileSync(new URL(name, out), text);
process.stdout.write(`${Object.keys(files).join(', ')} are in ${fileURLToPath(out)}\n`);
