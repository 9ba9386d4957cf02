// Makes out/: a folder of static files that is the whole page, with Grafana's icons and typeface at the paths where its
// components look for them.
import { build } from 'esbuild';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';

const OUT = 'out';
const MONO = 'L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ.woff2'; // so Grafana's styles call it
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>dashboard</title>
    <link rel="stylesheet" href="main.css" />
  </head>
  <body>
    <div id="root"></div>
    <div id="grafana-portal-container"></div>
    <script type="module" src="main.js"></script>
  </body>
</html>
`;

await rm(OUT, { recursive: true, force: true });
await mkdir(`${OUT}/public/fonts`, { recursive: true });
await Promise.all([
  build({
    entryPoints: ['src/main.jsx'],
    outdir: OUT,
    bundle: true,
    minify: true,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff2': 'dataurl', '.woff': 'dataurl', '.ttf': 'dataurl' },
    logLevel: 'warning',
  }),
  cp('node_modules/@grafana/ui/dist/public/img', `${OUT}/public/build/img`, { recursive: true }),
  cp('node_modules/inter-ui/web', `${OUT}/public/fonts/inter`, { recursive: true }),
  cp('node_modules/@fontsource-variable/roboto-mono/files/roboto-mono-latin-wght-normal.woff2', `${OUT}/public/fonts/roboto/${MONO}`),
  writeFile(`${OUT}/index.html`, PAGE),
]);
