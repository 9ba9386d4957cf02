// What the page tells of itself: whether it is done, and what is wrong with what it shows.

export class Drawing {
  /** Begin with nothing drawn, and nobody knows yet how many panels there will be. */
  constructor() {
    this.faults = [];
    this.hints = [];
    this.height = 0; // of the page, in pixels, as soon as it is known
    this._open = null;
    this._drawn = new Set();
  }

  /** Say how many panels have to be drawn before the page is done. */
  expect(panels) {
    this._open ??= panels;
  }

  /** Count a panel as drawn; again has no effect. */
  drawn(id) {
    this._drawn.add(id);
  }

  /** Return whether all panels are drawn. */
  get done() {
    return this._open !== null && this._drawn.size >= this._open;
  }

  /** Note something that makes the picture useless: an error, or a panel without data. */
  fault(where, what) {
    this._note(this.faults, where, what);
  }

  /** Note something that somebody should look at: a text that is cut off, a query without an answer beside others. */
  hint(where, what) {
    this._note(this.hints, where, what);
  }

  _note(list, where, what) {
    if (!list.some((known) => known.where === where && known.what === what)) list.push({ where, what });
  }

  /** Note every text that is cut off and all that has to be scrolled, and return what is wrong. Ask when all is at rest. */
  report() {
    for (const panel of document.querySelectorAll('[data-panel]')) {
      for (const element of panel.querySelectorAll('*')) {
        const what = lack(element, getComputedStyle(element));
        if (what) this.hint(panel.dataset.panel, what);
      }
    }
    return { faults: this.faults, hints: this.hints };
  }
}

const SCROLLS = new Set(['auto', 'scroll']);

/** Return what cannot be seen of an element; that a table goes on below is nothing to tell. */
function lack(element, style) {
  const wide = element.scrollWidth > element.clientWidth + 1;
  const high = element.scrollHeight > element.clientHeight + 1;
  if (wide && style.textOverflow === 'ellipsis') return `cut off: \`${element.textContent}\``;
  if (wide && SCROLLS.has(style.overflowX)) return `is ${element.scrollWidth - element.clientWidth} px too wide`;
  if (high && SCROLLS.has(style.overflowY) && element.role !== 'grid') {
    return `is ${element.scrollHeight - element.clientHeight} px too high`;
  }
  return undefined;
}
