// Before anything is drawn: the theme that was chosen here, if one was.
"use strict";

(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("salespulse-theme");
  } catch {
    // storage may be switched off; then the system's theme is used
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
