// Gives Django admin what its theme leaves out: names for what is an icon alone, and keys for what only a mouse could
// press. It runs before the theme's own scripts go through the page, so that they take up what is written here.

// What the theme lets a mouse click though it is no button: how it is found, its name where it has no text, and the
// theme's expression for whether it is open or pressed.
const BUTTONS = [
  ['[x-on\\:click^="sidebarDesktopOpen"]', "List of pages", { "aria-expanded": "sidebarDesktopOpen" }],
  ['[x-on\\:click^="sidebarMobileOpen"]', "List of pages", { "aria-expanded": "sidebarMobileOpen" }],
  ['[x-on\\:click^="openUserLinks ="]', "", { "aria-expanded": "openUserLinks" }],
  ['[x-on\\:click^="filterOpen = true"]', "", { "aria-expanded": "filterOpen" }],
  ['[x-on\\:click^="showActions ="]', "Actions", { "aria-expanded": "showActions" }],
  ["[x-on\\:click=\"switchTheme('light')\"]", "", { "aria-pressed": "adminTheme == 'light'" }],
  ["[x-on\\:click=\"switchTheme('dark')\"]", "", { "aria-pressed": "adminTheme == 'dark'" }],
  ["[x-on\\:click=\"switchTheme('auto')\"]", "", { "aria-pressed": "adminTheme == 'auto'" }],
];
const NAMES = {
  "#searchbar": "Search",
  "#searchbar-submit": "Search",
  "#search-input-command": "Search all pages",
  "#command-submit": "Search all pages",
  "#nav-sidebar nav nav": "You",
  "#nav-sidebar-inner": "Pages",
  "#nav-sidebar-inner a:has(> .material-symbols-outlined:only-child)": "Support",
};

function makeButtons(part) {
  for (const [selector, name, states] of BUTTONS) {
    for (const element of part.querySelectorAll(selector)) {
      element.setAttribute("role", "button");
      element.tabIndex = 0;
      if (name) element.setAttribute("aria-label", name);
      for (const [state, expression] of Object.entries(states)) {
        element.setAttribute(`x-bind:${state}`, `(${expression}) ? "true" : "false"`);
      }
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        element.click();
      });
    }
  }
}

// The theme has htmx load the other pages of rows within a page, from a link without an address, which no key reaches.
function makeLinks(part) {
  for (const link of part.querySelectorAll(".inline-pagination a[hx-get]")) link.href = link.getAttribute("hx-get");
}

function nameParts(part) {
  for (const [selector, name] of Object.entries(NAMES)) part.querySelector(selector)?.setAttribute("aria-label", name);
  for (const heading of part.querySelectorAll("#changelist-filter h3")) heading.setAttribute("aria-level", "2");
  const command = part.querySelector('[x-data="searchCommand()"]');
  command?.setAttribute("role", "dialog");
  command?.setAttribute("aria-label", "Search all pages");
  // An icon is a word in a font of icons, which would be read out.
  for (const icon of part.querySelectorAll(".material-symbols-outlined:not([role])")) {
    if (icon.title) {
      icon.setAttribute("role", "img");
      icon.setAttribute("aria-label", icon.title);
    } else {
      icon.setAttribute("aria-hidden", "true");
    }
  }
  // Each of these becomes a region that the keyboard scrolls, and all would have the same name.
  for (const scrolled of part.querySelectorAll("[data-simplebar]")) {
    const heading = scrolled.closest("fieldset")?.querySelector("h2");
    const name =
      heading?.innerText ||
      (scrolled.id === "nav-sidebar-apps" && "Pages of admin") ||
      (scrolled.closest("#changelist-filter") && "Filters") ||
      (scrolled.querySelector("#result_list") && "Rows") ||
      "What was found";
    scrolled.setAttribute("data-simplebar-aria-label", name);
  }
}

document.addEventListener("alpine:init", () => {
  makeButtons(document);
  makeLinks(document);
  nameParts(document);
  // Who opened the filters by key is among them.
  document.querySelector('[x-on\\:click^="filterOpen = true"]')?.addEventListener("click", () => {
    setTimeout(() => document.querySelector("#changelist-filter a")?.focus());
  });
});
document.addEventListener("htmx:afterSwap", (event) => {
  makeButtons(event.target);
  makeLinks(event.target);
  nameParts(event.target);
});
// The theme asks for the system's colours once, when the page is loaded.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
  if (window.Alpine.$data(document.documentElement).adminTheme === "auto") {
    document.documentElement.classList.toggle("dark", event.matches);
  }
});
// Who comes back to a page from the browser's cache and sends its form means it: the server would take it for the same
// form, sent twice (sent_forms.py).
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.insertAdjacentHTML("beforeend", `<input type="hidden" name="again" value="${Date.now()}">`);
  }
});
