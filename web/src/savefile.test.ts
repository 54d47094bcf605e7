import assert from "node:assert/strict";
import { test } from "node:test";
import { csv } from "./savefile";

// Fails when: a leading = + - @ is left as it is.
test("no cell of a CSV is a formula", () => {
  assert.equal(csv([["rule", "cost"], ["=cmd()", "-1"], ["+1", "@x"], ["a,b", 'say "x"'], ["–", "5"]]), "rule,cost\r\n'=cmd(),'-1\r\n'+1,'@x\r\n\"a,b\",\"say \"\"x\"\"\"\r\n–,5\r\n");
});
