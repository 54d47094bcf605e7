// Debian's Chromium, driven by playwright-core: it downloads nothing, calls nobody, and starts clean.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const places = [process.env.SURGECAST_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

export function find() {
  return places.find((p) => p && existsSync(p)) ?? null;
}

export function launch() {
  return chromium.launch({
    executablePath: find(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// patience is how long a test waits for what must come, in ms: long enough for a machine that is busy with other things.
export const patience = 120_000;

export const views = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true },
};
