// npm run bench: ratios measured side by side in one run. Nothing here is asserted: machines are
// shared and noisy. `npm run bench -- gateway idle install` picks parts; --json for machines.
import { cpus, homedir, loadavg } from 'node:os';
import { join } from 'node:path';
import { gatewayRatio } from './bench/gateway-ratio.ts';
import { idleAgent } from './bench/idle-agent.ts';
import { installSize } from './bench/install-size.ts';
import { type Row, rowText } from './bench/rows.ts';
import { ensureRandomModel } from './random-models.ts';

const json = process.argv.includes('--json');
const named = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'salvage');

const parts: Record<string, () => Promise<Row[]>> = {
  gateway: async () => {
    const slow = await ensureRandomModel('slow', cache);
    const one = await gatewayRatio(slow, 7, 1);
    return cpus().length < 2 ? one : [...one, ...(await gatewayRatio(slow, 7, cpus().length))];
  },
  idle: () => idleAgent(60),
  install: async () => installSize(),
};

const unknown = named.filter((name) => !(name in parts));
if (unknown.length > 0) {
  process.stderr.write(
    `there is no part ${unknown.join(', ')}: ${Object.keys(parts).join(', ')}\n`,
  );
  process.exit(2);
}
const say = (text: string): boolean => process.stderr.write(`${text}\n`);
say(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`,
);
const rows: Row[] = [];
for (const [name, part] of Object.entries(parts)) {
  if (named.length > 0 && !named.includes(name)) continue;
  say(`measuring ${name} ...`);
  rows.push(...(await part()));
}
process.stdout.write(
  json ? `${JSON.stringify(rows, null, 2)}\n` : `${rows.map(rowText).join('\n')}\n`,
);
