// feedName is what people call a feed; its address stays the API's word. One that is not known here, a pushed or
// imported one, is called what its owner called it.
export function feedName(source: string): string {
  const [feed = "", place] = source.split(/:(.*)/s);
  const name = Object.hasOwn(names, feed) ? names[feed] : undefined;
  if (name === undefined) return source;
  return place ? `${name} (${place})` : name;
}

const names: Record<string, string> = { bluesky: "Bluesky", hackernews: "Hacker News", mastodon: "Mastodon", wikimedia: "Wikimedia", reddit: "Reddit", rss: "RSS", x: "X", "simulated-posts": "Simulated posts", "simulated-ranked": "Simulated links", "simulated-news": "Simulated news" };
