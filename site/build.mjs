// Bundle src/ into dist/: one classic script, one style sheet, one page. `--check` compares instead of writing.
// The same sources and lock file give the same bytes.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { basename, dirname, join } from "node:path";
import esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  charset: "utf8",
  legalComments: "none", // licences.txt has the full texts
  target: ["chrome111", "firefox115", "safari16.4"],
  metafile: true,
  logLevel: "warning",
};

const used = new Set();

/** MapLibre's worker is a file of its own; as text inside the script it also starts from file://. */
const inlineWorker = {
  name: "inline-worker",
  setup(build) {
    build.onResolve({ filter: /^worker:/ }, ({ path }) => ({ path: path.slice(7), namespace: "worker" }));
    build.onLoad({ filter: /.*/, namespace: "worker" }, async ({ path }) => {
      const worker = await esbuild.build({
        ...common,
        entryPoints: [join("node_modules", path)],
        format: "esm",
      });
      remember(worker.metafile);
      return { contents: worker.outputFiles[0].text, loader: "text" };
    });
  },
};

function remember(metafile) {
  for (const input of Object.keys(metafile.inputs)) {
    const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (found) used.add(found[1]);
  }
}

/** The licence texts of every package whose code is in the bundle. */
async function licences() {
  const texts = [];
  for (const name of [...used].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const files = (await readdir(folder)).filter((file) => /^licen[cs]e/i.test(file)).sort();
    const text = files.length ? await readFile(join(folder, files[0]), "utf8") : "";
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

const script = await esbuild.build({
  ...common,
  entryPoints: ["src/main.js"],
  outdir: "dist",
  entryNames: "app",
  format: "iife",
  plugins: [inlineWorker],
});
remember(script.metafile);

const files = new Map(script.outputFiles.map((file) => [basename(file.path), file.text]));
files.set("index.html", await readFile(join(here, "src/index.html"), "utf8"));
files.set("licences.txt", await licences());

if (process.argv.includes("--check")) {
  const stale = [];
  for (const [name, text] of files) {
    if ((await readFile(join(dist, name), "utf8").catch(() => null)) !== text) stale.push(name);
  }
  if (stale.length) {
    console.error(
      `site/dist is not what the source builds (${stale.join(", ")}): run \`npm run build\` in site/ and commit.`,
    );
    process.exit(1);
  }
} else {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist);
  for (const [name, text] of files) {
    await writeFile(join(dist, name), text);
    console.log(`${name.padEnd(14)} ${(Buffer.byteLength(text) / 1024).toFixed(0).padStart(6)} KB`);
  }
}
