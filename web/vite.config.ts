// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Names are fixed: the server knows each file by name, and gives it with a tag of its content.
export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      '@gpuvigil/client': fileURLToPath(
        new URL('../clients/typescript/src/index.ts', import.meta.url)),
    },
  },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: {
      output: {
        inlineDynamicImports: true,
        entryFileNames: 'assets/app.js',
        assetFileNames: (asset) =>
          asset.names.some((name) => name.includes('inter-latin-wght-normal'))
            ? 'assets/inter.woff2' : 'assets/app[extname]',
      },
    },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
});
