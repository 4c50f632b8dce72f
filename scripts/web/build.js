/** Bundles SpessaSynth into the folder of static files, with the licenses of what is in it. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const target = join(here, "../../src/midiprism/web/static/vendor");
const packages = ["spessasynth_lib", "spessasynth_core", "stb-vorbis"];

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const options = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
};
await build({
  ...options,
  stdin: { contents: 'export { WorkletSynthesizer } from "spessasynth_lib";', resolveDir: here },
  outfile: join(target, "spessasynth.js"),
});
// The processor comes bundled. Only the reference to its source map goes.
const processor = await readFile(join(modules, "spessasynth_lib/dist/spessasynth_processor.min.js"), "utf8");
await writeFile(
  join(target, "spessasynth_processor.js"),
  processor.replace(/\n?\/\/# sourceMappingURL=.*\s*$/u, "\n"),
);

const require = createRequire(import.meta.url);
const licenses = [];
for (const name of packages) {
  const { version, license } = require(join(modules, name, "package.json"));
  const text = await readFile(join(modules, name, "LICENSE"), "utf8").catch(() => "");
  licenses.push(`${name} ${version}, ${license}\n\n${text.trim()}\n`);
}
await writeFile(join(target, "LICENSES.txt"), licenses.join(`\n${"-".repeat(80)}\n\n`));
