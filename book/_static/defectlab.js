/* Faults of the theme that only the browser can mend. No page needs this script to be read. */

// From disk a page may not fetch another: results of the search are listed without extracts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// The theme listens to the buttons of a header that it hides; those above the text pass their clicks on.
function connectSidebars() {
  for (const side of ["primary-toggle", "secondary-toggle"]) {
    const heard = document.querySelector(`.${side}`);
    for (const button of document.querySelectorAll(`.${side}`)) {
      if (button !== heard) button.addEventListener("click", () => heard.click());
    }
  }
}

// What scrolls sideways can be reached, and so scrolled, by keyboard.
function reachScrolling() {
  for (const box of document.querySelectorAll("mjx-container[display='true'], .defectlab-scroll, .defectlab-table[role='region'], .cell_output .output")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls && getComputedStyle(box).overflowX !== "visible") box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

window.addEventListener("load", async () => {
  connectSidebars();
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  reachScrolling();
  window.addEventListener("resize", reachScrolling);
});
