// The agent as one file: what a node runs has no node_modules but the engine's. The list of npm
// packages in it is committed, so that a new one is seen in a review and not on a Pi.
//
//   node --import tsx scripts/bundle-agent.ts --out DIR [--update] [--minify] [--source-map]
import { strict as assert } from 'node:assert';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const golden = join(root, 'node-agent/golden/bundle-packages.txt');
export const bundleName = 'agent.mjs';

export interface Bundle {
  file: string;
  bytes: number;
  /** npm packages that it contains, in order of name. */
  packages: string[];
}

/** Parts of mqtt.js for proxies, browsers and WebSockets: an agent speaks MQTT over TCP and TLS. */
const leftOut: Plugin = {
  name: 'left-out',
  setup: (build) => {
    build.onResolve({ filter: /^(socks|worker-timers|ws)$/ }, ({ path }) => ({
      path,
      namespace: 'left-out',
    }));
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'module.exports = {};',
      loader: 'js',
    }));
  },
};

/** Writes `agent.mjs` into `outFolder`. Rejects with esbuild's own message. */
export async function bundleAgent(
  outFolder: string,
  options: { minify?: boolean; sourceMap?: boolean } = {},
): Promise<Bundle> {
  await mkdir(outFolder, { recursive: true });
  const file = join(outFolder, bundleName);
  const { metafile } = await build({
    entryPoints: [join(root, 'node-agent/src/main.ts')],
    outfile: file,
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['node-llama-cpp'],
    plugins: [leftOut],
    // Not minified by itself: a node's stack traces are read by people.
    minify: options.minify ?? false,
    sourcemap: options.sourceMap ?? false,
    metafile: true,
    logLevel: 'silent',
    legalComments: 'inline',
    // CommonJS packages inside (mqtt) still call require() for Node's own modules.
    banner: {
      js: "import { createRequire as salvageRequire } from 'node:module';\nconst require = salvageRequire(import.meta.url);",
    },
  });
  const output = Object.values(metafile.outputs).find((one) => one.entryPoint !== undefined);
  assert(output !== undefined, 'esbuild wrote no entry point');
  return { file, bytes: output.bytes, packages: packagesOf(output) };
}

/** Packages with at least a byte in the bundle; those of this repository go without saying. */
function packagesOf(output: Metafile['outputs'][string]): string[] {
  const names = Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => {
    const after = path.split('node_modules/').at(-1) ?? '';
    if (bytesInOutput === 0 || !path.includes('node_modules/')) return [];
    const [scope = '', name = ''] = after.split('/');
    return [scope.startsWith('@') ? `${scope}/${name}` : scope];
  });
  return [...new Set(names)].sort();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      update: { type: 'boolean', default: false },
      minify: { type: 'boolean', default: false },
      'source-map': { type: 'boolean', default: false },
    },
  });
  if (values.out === undefined) throw new Error('say where to: --out DIR');
  const bundle = await bundleAgent(values.out, {
    minify: values.minify,
    sourceMap: values['source-map'],
  });
  const list = `${bundle.packages.join('\n')}\n`;
  process.stdout.write(`${bundle.file}: ${Math.round(bundle.bytes / 1000)} kB\n${list}`);
  if (values.update) return writeFile(golden, list);
  const want = await readFile(golden, 'utf8').catch(() => '');
  if (want === list) return;
  throw new Error(
    'these are not the packages of node-agent/golden/bundle-packages.txt: look at why, then run this again with --update',
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
