// Makes dist/: the page, its script, and the runtime it loads.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("dist", { recursive: true, force: true });
await mkdir("dist");
await build({
  entryPoints: ["src/page.ts", "src/index.ts", "worker/worker.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: false,
  outdir: "dist",
  entryNames: "[name]",
  // The entry without WebGPU, whose runtime is half as large.
  alias: { "onnxruntime-web": "onnxruntime-web/wasm" },
});
const runtime = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
await copyFile(runtime, "dist/ort-wasm-simd-threaded.wasm");
for (const name of ["index.html", "style.css"]) await copyFile(name, `dist/${name}`);
