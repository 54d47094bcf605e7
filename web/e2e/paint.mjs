// npm run paint: how long the Site page with a day of minutes takes to its first paint, and to the drawn chart, in a
// browser with empty caches, from the real program with its database. A figure beside its budget, no test: it depends
// on the machine.

import { find, launch, views } from "./browser.mjs";
import { missing, play } from "./program.mjs";

const budget = 1000; // ms, DESIGN and the tour's promise: the page is there before one has looked for it
const rounds = 9;

const lacking = missing || (find() ? "" : "no Chromium on this machine: set SURGECAST_CHROMIUM to a browser");
if (lacking) {
  console.log(`first paint: not measured: ${lacking}`);
  process.exit(0);
}

const demo = await play("--speed", "1");
const browser = await launch();
const took = { paint: [], content: [], chart: [] };
let minutes = 0;
try {
  const { history } = await demo.api("/v1/sites/nordlicht-tickets/forecast?horizon=1440&history=1440");
  minutes = history.length;
  for (let i = 0; i < rounds; i++) {
    const context = await browser.newContext(views.light); // its cache is empty
    const page = await context.newPage();
    await page.goto(`${demo.base}/sites/nordlicht-tickets?range=24h`);
    await page.waitForSelector("main.ready");
    await page.waitForSelector(".overlay text");
    const at = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-paint")[0]?.startTime ?? Number.NaN,
      content: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
      chart: performance.now(),
    }));
    for (const k of Object.keys(took)) took[k].push(at[k]);
    await context.close();
  }
} finally {
  await browser.close();
  await demo.stop();
}
const of = (k, share) => Math.round(took[k].sort((a, b) => a - b)[Math.ceil(share * rounds) - 1]);
console.log(`Site with ${minutes} stored minutes, ${rounds} cold loads, ms (median, slowest; budget of the first paint ${budget}):`);
for (const [k, words] of Object.entries({ paint: "first paint", content: "first words", chart: "verdict and chart drawn" })) {
  console.log(`  ${words}: ${of(k, 0.5)}, ${of(k, 1)}`);
}
