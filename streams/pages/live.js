// Keep the page alive: fetch the readings every second and put them in place, so that scrolling and selections stay.
"use strict";

const live = document.getElementById("live");
const unreachable = document.getElementById("unreachable");
const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;
let lostSince = null;

function cells(root) {
  return new Map([...root.querySelectorAll("[data-key]")].map((cell) => [cell.dataset.key, cell]));
}

function put(cell, fresh) {
  if (cell.innerHTML !== fresh.innerHTML) {
    cell.innerHTML = fresh.innerHTML;
    if (cell.dataset.key !== "state") {
      cell.classList.remove("changed");
      void cell.offsetWidth; // let the animation begin again
      cell.classList.add("changed");
    }
  }
  if (cell.title !== fresh.title) cell.title = fresh.title;
}

function show(html) {
  const next = document.createElement("template");
  next.innerHTML = html;
  const now = cells(live);
  const fresh = cells(next.content);
  const sameShape = now.get("state")?.dataset.shape === fresh.get("state")?.dataset.shape;
  if (sameShape) fresh.forEach((cell, key) => put(now.get(key), cell));
  else live.replaceChildren(next.content);
}

function reached() {
  lostSince = null;
  unreachable.hidden = true;
  live.classList.remove("lost");
}

function lost(error) {
  lostSince ??= new Date();
  const why = error.name === "TypeError" ? "no connection" : error.message;
  unreachable.textContent = `The server cannot be reached since ${lostSince.toLocaleTimeString()} (${why}). The figures below are old.`;
  unreachable.hidden = false;
  live.classList.add("lost");
}

async function refresh() {
  try {
    const answer = await fetch("fragment", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    show(await answer.text());
    reached();
  } catch (error) {
    lost(error);
  } finally {
    setTimeout(refresh, PERIOD_MS);
  }
}

setTimeout(refresh, PERIOD_MS);
