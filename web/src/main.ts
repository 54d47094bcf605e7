import "./tokens.css";
import "./style.css";
import "./pages1.css";
import { CheckPage } from "./checkpage";
import "./pages2.css";
import { h } from "./element";
import { login } from "./login";
import { Overview } from "./overview";
import { PlanPage } from "./plan";
import { ReviewPage } from "./review";
import { ReviewsPage } from "./reviews";
import { SetupPage } from "./setuppage";
import { type Page, Shell } from "./shell";
import { SitePage } from "./sitepage";
import { TopicList } from "./topiclist";
import { TopicPage } from "./topicpage";

const slug = "([a-z0-9][a-z0-9-]{0,62})";

// routes say which page a path is.
const routes: [RegExp, (shell: Shell, name: string) => Page][] = [
  [/^\/(?:index\.html)?$/, (shell) => new Overview(shell)],
  [new RegExp(`^/sites/${slug}/?$`), (shell, name) => new SitePage(shell, name)],
  [/^\/check\/?$/, (shell) => new CheckPage(shell)],
  [/^\/topics\/?$/, (shell) => new TopicList(shell)],
  [new RegExp(`^/topics/${slug}/?$`), (shell, name) => new TopicPage(shell, name)],
  [/^\/setup\/?$/, (shell) => new SetupPage(shell)],
  [/^\/plan\/?$/, (shell) => new PlanPage(shell)],
  [/^\/reviews\/?$/, (shell) => new ReviewsPage(shell)],
  [/^\/reviews\/(srg_[0-9a-zA-Z-]+)\/?$/, (shell, name) => new ReviewPage(shell, name)],
];

// Every page is a document of its own: links are plain links, and the path says which page this is.
function start(): void {
  const shell = new Shell(async () => {
    await login(shell.main);
    location.reload();
  });
  for (const [path, page] of routes) {
    const m = path.exec(location.pathname);
    if (m) {
      void shell.open(page(shell, m[1] ?? ""));
      return;
    }
  }
  shell.main.append(h("h1", {}, "No such page"), h("p", {}, h("a", { href: "/" }, "Back to the overview")));
  shell.main.classList.add("ready");
  document.title = "No such page · Surgecast";
}

start();
