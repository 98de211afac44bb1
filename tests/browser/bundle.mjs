// Bundle the viewer, its decoder and the decoder's WebAssembly: node bundle.mjs FOLDER
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
const loader = join(here, 'node_modules/@cornerstonejs/dicom-image-loader/dist/esm');
const codecs = {
  'codec-charls': 'charlswasm_decode.wasm',
  'codec-libjpeg-turbo-8bit': 'libjpegturbowasm_decode.wasm',
  'codec-openjpeg': 'openjpegwasm_decode.wasm',
};

await build({
  entryPoints: {
    viewer: join(here, 'viewer.js'),
    decodeImageFrameWorker: join(loader, 'decodeImageFrameWorker.js'), // the name that the loader asks for
  },
  outdir: folder,
  bundle: true,
  format: 'esm',
  logLevel: 'error',
  external: ['fs', 'path', 'module', 'worker_threads'], // that the decoders ask for in Node.js only
});
await mkdir(join(folder, 'wasm'), { recursive: true });
for (const [codec, file] of Object.entries(codecs)) {
  await copyFile(join(here, 'node_modules/@cornerstonejs', codec, 'dist', file), join(folder, 'wasm', file));
}
