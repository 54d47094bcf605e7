import { post, Unauthorised } from "./api";
import { h } from "./element";

// login asks for a key and exchanges it for a session cookie that scripts cannot read. The key itself is
// kept nowhere: not in the address, not in the browser's storage.
export function login(into: HTMLElement): Promise<void> {
  return new Promise((done) => {
    const words = h("p", { class: "failed", role: "alert" });
    const key = h<HTMLInputElement>("input", {
      id: "key",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "keyhelp",
    });
    const button = h<HTMLButtonElement>("button", { type: "submit", class: "main" }, "Sign in");
    const form = h(
      "form",
      {
        class: "card login",
        submit: (e) => {
          e.preventDefault();
          button.disabled = true;
          button.textContent = "Signing in…";
          words.textContent = "";
          post("/v1/session", { key: key.value })
            .then(() => done())
            .catch((problem: Error) => {
              words.textContent =
                problem instanceof Unauthorised ? "This key is not known here. Look for a missing character." : problem.message;
              button.disabled = false;
              button.textContent = "Sign in";
              key.focus();
            });
        },
      },
      h("h1", {}, "Sign in"),
      h("label", { for: "key" }, "Key"),
      key,
      h("p", { id: "keyhelp", class: "note" }, "Whoever runs this server makes keys with ", h("code", {}, "forecaster key create"), "."),
      words,
      button,
    );
    into.replaceChildren(form);
    document.title = "Sign in · Surgecast";
    key.focus();
  });
}
