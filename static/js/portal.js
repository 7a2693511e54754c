// What HTML cannot do alone: copy to the clipboard, send a form once, and tell a screen reader what changed.
// Every page works without this file.

const announce = (words) => {
  const announcer = document.getElementById("announcer");
  if (announcer && announcer.textContent !== words) announcer.textContent = words;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]");
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.dataset.before ??= label.textContent;
    label.textContent = button.dataset.copied;
    announce(button.dataset.copied);
    setTimeout(() => { label.textContent = label.dataset.before; }, 2000);
  } catch {
    // Without the clipboard's permission the text is selected, so that one key copies it.
    getSelection().selectAllChildren(source);
  }
});

// A password shows itself while it is typed, and is one again before it is sent: browsers remember what other fields held.
const showSecret = (button, shown) => {
  const label = button.querySelector("[data-show-label]");
  label.dataset.show ??= label.textContent;
  label.textContent = shown ? label.dataset.hide : label.dataset.show;
  document.getElementById(button.dataset.show).type = shown ? "text" : "password";
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show]");
  if (button) showSecret(button, document.getElementById(button.dataset.show).type === "password");
});
document.addEventListener("submit", (event) => {
  event.target.querySelectorAll("[data-show]").forEach((button) => showSecret(button, false));
});

// A double click sends a form once. The page may come back from the browser's cache, so the mark is taken off again.
const sent = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  const button = event.submitter;
  button?.setAttribute("aria-disabled", "true");
  if (button?.dataset.busy) announce(button.dataset.busy);
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("form").forEach((form) => {
    sent.delete(form);
    // Who comes back and sends it means it: the server would take it for the same form, sent twice (sent_forms.py).
    if (form.method === "post") form.insertAdjacentHTML("beforeend", `<input type="hidden" name="again" value="${Date.now()}">`);
  });
  document.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
});

// A button that copies or shows does nothing without this file, so it appears only now.
const revealButtons = (root) => {
  root.querySelectorAll("[data-copy][hidden], [data-show][hidden]").forEach((button) => { button.hidden = false; });
};
revealButtons(document);

// One tick for all of a page; it would do nothing without this file, so it shows itself only now.
document.querySelectorAll("[data-check-all]").forEach((all) => {
  const boxes = () => [...all.closest("form").querySelectorAll(`input[name="${all.dataset.checkAll}"]`)];
  const box = all.querySelector("input");
  all.hidden = false;
  box.addEventListener("change", () => boxes().forEach((one) => { one.checked = box.checked; }));
  all.closest("form").addEventListener("change", () => { box.checked = boxes().every((one) => one.checked); });
});

// Escape, or a press beside it, closes an open menu; without this file its own button does.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll(".menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
});
document.addEventListener("click", (event) => {
  document.querySelectorAll(".menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});

// Times come in UTC and are shown in the reader's own zone, with UTC on hover. How long ago stays, with both on hover.
const local = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "long" });
const showLocalTimes = (root) => root.querySelectorAll("time[data-time]").forEach((time) => {
  const words = local.format(new Date(time.dateTime));
  if (time.dataset.time === "full") time.textContent = words;
  else time.title = `${words} (${time.title})`;
  delete time.dataset.time;
});
showLocalTimes(document);

// Who stood on something that a swap has taken away goes on from the heading above it.
let stoodInside = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  stoodInside = event.detail.target.contains(document.activeElement);
});
document.addEventListener("htmx:afterSettle", () => {
  if (stoodInside && document.activeElement === document.body) {
    document.getElementById("live-title")?.focus({ preventScroll: true });
  }
  stoodInside = false;
  revealButtons(document);
  showLocalTimes(document);
  const news = document.querySelector("[data-announce]");
  if (news) announce(news.dataset.announce);
});

document.getElementById("error-summary")?.focus();
// What stands in a live region when the page arrives is not read out; what is put there afterwards is.
const toasts = document.querySelector(".toasts");
if (toasts) setTimeout(() => announce(toasts.textContent.replace(/\s+/g, " ").trim()), 300);
