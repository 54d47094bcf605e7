import assert from "node:assert/strict";
import { test } from "node:test";
import { slugOf, terms, typed } from "./topicterms";

// The same line as risk.TestTerms: page and server must not read two different topics.
test("terms are read as the server reads them", () => {
  assert.deepEqual(terms(" #nordlichtlive, \"Nordlicht tour\"; „Konzert“,, "), ["#nordlichtlive", "Nordlicht tour", "Konzert"]);
  assert.deepEqual(terms(" , ; "), []);
  assert.equal(typed(["a b", "#c"]), "a b, #c");
});

test("a slug is one the API takes", () => {
  assert.equal(slugOf("#nordlichtlive"), "nordlichtlive");
  assert.equal(slugOf("Grüße aus Łódź & Köln!"), "gruesse-aus-odz-koeln");
  assert.equal(slugOf("東京"), "topic");
  assert.match(slugOf("x".repeat(49) + " yz"), /^[a-z0-9][a-z0-9-]{0,62}$/);
});
