import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = dirname(fileURLToPath(import.meta.url));

// apiDocs puts the API reference beside the dashboard: swagger-ui from its package, and our own page
// and start script, because theirs points at an example of the vendor's.
function apiDocs(): Plugin {
  return {
    name: "api-docs",
    apply: "build",
    closeBundle() {
      const to = join(here, "dist", "docs");
      mkdirSync(to, { recursive: true });
      for (const name of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
        copyFileSync(join(here, "node_modules", "swagger-ui-dist", name), join(to, name));
      }
      for (const name of ["index.html", "start.js"]) {
        copyFileSync(join(here, "docs", name), join(to, name));
      }
    },
  };
}

export default defineConfig({
  plugins: [apiDocs()],
  build: {
    target: "es2022",
    // The content security policy allows no inline script, style or data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8080", "/openapi.json": "http://127.0.0.1:8080" } },
});
