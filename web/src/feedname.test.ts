import assert from "node:assert/strict";
import { test } from "node:test";
import { feedName } from "./feedname";

// Fails when feedName forgets the server of a federated feed: two of them would have one name.
test("feeds have people's names, pushed ones their owner's", () => {
  assert.deepEqual(["bluesky", "hackernews", "mastodon:example.social", "x", "till-2", "simulated-posts", "shop:eu", "constructor"].map(feedName), ["Bluesky", "Hacker News", "Mastodon (example.social)", "X", "till-2", "Simulated posts", "shop:eu", "constructor"]);
});
