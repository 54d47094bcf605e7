import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// Axe cannot see a canvas, so the contrast of what is painted is computed here from the style sheet.

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function tokens(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1]!, m[2]!]));
}

const [light = "", rest = ""] = css.split("@media screen and (prefers-color-scheme: dark)");
const dark = rest.split("@media (forced-colors")[0]!;
const themes = { light: tokens(light), dark: { ...tokens(light), ...tokens(dark) } };

// WCAG 2: L = .2126 R + .7152 G + .0722 B of linear channels, ratio (L1 + .05)/(L2 + .05).
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

test("contrast formula: black on white is 21, #767676 on white is 4.54", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.equal(contrast("#767676", "#ffffff").toFixed(2), "4.54");
});

for (const [name, t] of Object.entries(themes)) {
  const on = (mark: string, ground: string, least: number) => {
    const ratio = contrast(t[mark]!, t[ground]!);
    assert.ok(ratio >= least, `${name}: ${mark} on ${ground} is ${ratio.toFixed(2)}, want ${least}`);
  };
  test(`${name}: words are readable on page, surface and their own tint (4.5)`, () => {
    for (const ground of ["page", "surface"]) for (const ink of ["ink", "ink2", "link", "calm", "watch", "alert", "recovery", "unknown"]) on(ink, ground, 4.5);
    for (const state of ["calm", "watch", "alert", "recovery", "unknown"]) {
      on(state, `${state}-tint`, 4.5);
      on("ink", `${state}-tint`, 11.5);
      on("link", `${state}-tint`, 4.5);
    }
    on("on-alert", "alert", 4.5);
    for (const label of ["capacity", "actby"]) on(label, "surface", 4.5);
  });
  test(`${name}: lines stand out on the surface and on every band, stale ones too (3)`, () => {
    for (const mark of ["observed", "edge", "median", "capacity", "actby", "event"]) {
      for (const ground of ["surface", "band95", "band80", "band50", "band95-stale", "band80-stale", "band50-stale"]) on(mark, ground, 3);
    }
    on("border", "surface", 3);
  });
}
