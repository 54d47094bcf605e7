import "./tokens.css";
import "./style.css";
import { h } from "./element";
import { login } from "./login";
import { Overview } from "./overview";
import { Shell } from "./shell";
import { SitePage } from "./sitepage";

// Every page is a document of its own: links are plain links, and the path says which page this is.
function start(): void {
  const shell = new Shell(async () => {
    await login(shell.main);
    location.reload();
  });
  const site = /^\/sites\/([a-z0-9][a-z0-9-]{0,62})\/?$/.exec(location.pathname)?.[1];
  if (site) void shell.open(new SitePage(shell, site));
  else if (location.pathname === "/" || location.pathname === "/index.html") void shell.open(new Overview(shell));
  else {
    shell.main.append(h("h1", {}, "No such page"), h("p", {}, h("a", { href: "/" }, "Back to the overview")));
    shell.main.classList.add("ready");
    document.title = "No such page · Surgecast";
  }
}

start();
