// The wall, live: what the server streams is put in place, and a lost stream is said so. Nothing here computes a number.

const SILENT_MS = 12000; // the server says something every 5 seconds
const GRACE_MS = 3000; // a connection that comes back at once is no news
const REFRESH_MS = 5000;
const RELOAD_AFTER_MS = 10000;

const root = document.documentElement;
const dialog = document.getElementById("detail");
const form = document.getElementById("choice");

// ---------------------------------------------------------------------------------------------------------- the banner

const given = document.querySelector(".banner .reason");
const state = { ready: given.textContent === "", reason: given.textContent, lang: given.lang };
let heardAt = performance.now();
let lostAt = null;

function showFreshness() {
  const now = performance.now();
  const silent = now - heardAt > SILENT_MS;
  const lost = silent || (lostAt !== null && now - lostAt > GRACE_MS);
  const stale = lost || !state.ready;
  document.body.classList.toggle("stale", stale);
  document.body.classList.toggle("fresh", !stale);
  for (const banner of document.querySelectorAll(".banner")) {
    const seconds = Math.round((now - heardAt) / 1000);
    const title = !stale ? "" : lost ? banner.dataset.lost : banner.dataset.stale;
    const reason = !stale ? "" : lost ? banner.dataset.silent.replace("{}", seconds) : state.reason;
    put(banner.querySelector("strong"), title);
    put(banner.querySelector(".reason"), reason);
    banner.querySelector(".reason").lang = lost ? root.lang : state.lang;
    banner.hidden = !stale;
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---------------------------------------------------------------------------------------------------------- the stream

let source = null;
let retry = null;

function listen() {
  clearTimeout(retry);
  source?.close();
  const opened = (source = new EventSource(document.querySelector("[data-stream]").dataset.stream));
  opened.addEventListener("tiles", (event) => {
    heard();
    for (const [key, html] of Object.entries(JSON.parse(event.data))) putTile(key, html);
  });
  opened.addEventListener("state", (event) => {
    heard();
    takeState(JSON.parse(event.data));
  });
  opened.addEventListener("error", () => {
    lostAt ??= performance.now();
    if (opened.readyState === EventSource.CLOSED && opened === source) retry = setTimeout(comeBack, GRACE_MS);
  });
}

function heard() {
  heardAt = performance.now();
  lostAt = null;
}

// A refused stream is not tried again by the browser. The session may be over: then the page leads to where it begins.
async function comeBack() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.status === 401 || answer.redirected) return location.reload();
  } catch {
    // not reachable: listening fails too, and comes back here
  }
  listen();
}

function takeState(told) {
  Object.assign(state, { ready: told.ready, reason: told.reason, lang: told.lang });
  const clock = document.getElementById("as-of");
  put(clock, told.clock);
  clock.setAttribute("datetime", told.as_of);
  showFreshness();
  const busy = dialog?.open || document.activeElement?.tagName === "SELECT";
  if (told.version !== root.dataset.version && !busy && performance.now() > RELOAD_AFTER_MS) location.reload();
}

function putTile(key, html) {
  const content = document.getElementById(`tile-${key}`);
  if (content === null) return;
  const before = content.querySelector(".figure")?.textContent;
  content.innerHTML = html;
  const figure = content.querySelector(".figure");
  if (before !== undefined && before !== figure.textContent) figure.classList.add("changed");
}

// ---------------------------------------------------------------------------------------------------------- the choice

let asked = 0;
let home = location.pathname + location.search;

function atHome() {
  return location.pathname + location.search === home; // only the fragment is another one
}

async function choose(url) {
  const mine = ++asked;
  let page = null;
  try {
    const answer = await fetch(url, { cache: "no-store" });
    if (answer.ok && !answer.redirected) page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    // the page that the browser shows then says what is wrong
  }
  if (mine !== asked) return;
  if (page?.getElementById("wall") == null || page.documentElement.lang !== root.lang) return location.assign(url);
  for (const selector of ["#wall", ".chosen", ".actions a"]) {
    document.querySelector(selector).replaceWith(document.adoptNode(page.querySelector(selector)));
  }
  root.dataset.version = page.documentElement.dataset.version;
  history.replaceState(null, "", url);
  home = location.pathname + location.search;
  listen();
}

// --------------------------------------------------------------------------------------------------------- the details

let refreshing = null;
let opener = null;
let returning = false;

async function openDetail(link) {
  opener = link;
  const pane = dialog.querySelector(".pane");
  const title = document.createElement("h2");
  title.id = "detail-title";
  title.textContent = link.textContent;
  const waiting = document.createElement("p");
  waiting.textContent = pane.dataset.loading;
  pane.replaceChildren(title, waiting);
  dialog.showModal();
  history.pushState({ detail: true }, "", link.href);
  const url = `${link.href}&fragment=1`;
  try {
    const fragment = await text(url);
    if (!dialog.open || opener !== link) return;
    pane.innerHTML = fragment;
    wire(pane);
    refreshing = setInterval(refresh, REFRESH_MS, pane, url);
  } catch {
    waiting.textContent = pane.dataset.failed;
  }
}

function detailClosed() {
  clearInterval(refreshing);
  opener?.focus();
  if (history.state?.detail) {
    returning = true;
    history.back();
  }
}

async function text(url) {
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.text();
}

async function refresh(pane, url) {
  const fresh = document.createElement("template");
  try {
    fresh.innerHTML = await text(url);
  } catch {
    return; // the banner says that the connection is lost
  }
  for (const part of pane.querySelectorAll("[data-part]")) {
    const other = fresh.content.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (other !== null && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
  }
}

// -------------------------------------------------------------------------------------------------------- the entities

function wire(pane) {
  const button = pane.querySelector(".why .load");
  if (button === null) return;
  button.hidden = false;
  button.addEventListener("click", () => showEntities(button, button.closest(".why")));
}

async function showEntities(button, why) {
  const told = why.querySelector(".told");
  const next = why.dataset.next === undefined ? "" : `&before=${encodeURIComponent(why.dataset.next)}`;
  button.disabled = true;
  try {
    const page = await (await checked(await fetch(why.dataset.entities + next, { cache: "no-store" }))).json();
    addEntities(why, page);
    why.dataset.next = page.next ?? "";
    button.hidden = page.next === undefined;
    button.textContent = why.dataset.more;
  } catch (error) {
    told.textContent = [why.dataset.failed, error.told].filter(Boolean).join(" ");
  }
  button.disabled = false;
}

async function checked(answer) {
  if (answer.ok) return answer;
  const error = new Error(`${answer.status}`);
  error.told = await answer.json().then(
    (body) => body.error,
    () => "",
  );
  throw error;
}

function addEntities(why, page) {
  const table = why.querySelector("table");
  const rows = page.entities.map((entity) => {
    const row = document.createElement("tr");
    const cells = [entity.type, entity.entity_id, instant(entity.at), contributions(entity.contributions, page)];
    row.append(...cells.map(cell));
    return row;
  });
  table.tBodies[0].append(...rows);
  const shown = table.tBodies[0].rows.length;
  table.hidden = shown === 0;
  const total = contributions(page.totals.contributions, page);
  const counted = why.dataset.shown.replace("{shown}", number(shown)).replace("{total}", number(page.totals.entities));
  const all = total === "" ? "" : ` ${why.dataset.total}: ${total}.`;
  why.querySelector(".told").textContent = shown === 0 ? why.dataset.none : `${counted}.${all}`;
}

function cell(content) {
  const made = document.createElement("td");
  made.textContent = content;
  return made;
}

function contributions(list, page) {
  return list.map((part) => (part.role === "value" ? amount(part, page) : `${part.role} ${amount(part, page)}`)).join(" · ");
}

function amount(part, page) {
  if (part.currency !== undefined) {
    return new Intl.NumberFormat(root.lang, { style: "currency", currency: part.currency }).format(part.value);
  }
  return number(part.value) + (page.unit === "seconds" && part.role === "value" ? " s" : "");
}

function number(value) {
  return new Intl.NumberFormat(root.lang, { maximumFractionDigits: 3 }).format(value);
}

function instant(at) {
  const day = { dateStyle: "medium" };
  if (!at.includes("T")) return new Intl.DateTimeFormat(root.lang, { ...day, timeZone: "UTC" }).format(new Date(at));
  const timeZone = document.getElementById("as-of").title; // the business time zone, wherever the screen hangs
  return new Intl.DateTimeFormat(root.lang, { ...day, timeStyle: "short", timeZone }).format(new Date(at));
}

// ----------------------------------------------------------------------------------------------------------- beginning

function startTheme() {
  const button = document.getElementById("theme");
  if (button === null) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const chosen = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    root.dataset.theme = chosen;
    try {
      localStorage.setItem("salespulse-theme", chosen);
    } catch {
      // storage may be switched off; the choice holds for this page
    }
  });
}

function startWall() {
  form.addEventListener("change", () => choose(`/?${new URLSearchParams(new FormData(form))}`));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-kpi]");
    if (link === null || link === undefined || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openDetail(link);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  dialog.addEventListener("close", detailClosed);
  addEventListener("popstate", () => {
    if (returning) {
      returning = false;
      setTimeout(() => opener?.focus()); // going back led to the fragment of the address, if it has one
    } else if (dialog.open) dialog.close();
    else if (!atHome()) location.reload();
  });
}

function startDetail(pane) {
  wire(pane);
  setInterval(refresh, REFRESH_MS, pane, pane.dataset.fragment);
}

startTheme();
if (form !== null) startWall();
else startDetail(document.querySelector("[data-fragment]"));
listen();
setInterval(showFreshness, 1000);
addEventListener("pageshow", (event) => event.persisted && listen());
addEventListener("online", listen);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && performance.now() - heardAt > SILENT_MS) listen();
});
