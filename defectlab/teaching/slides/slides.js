// Arrow keys, space, Home and End move; n opens the notes in a window of their own, for the screen that the room does
// not see; the address keeps the place. Without this script the slides stand one below the other.
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const place = document.getElementById("place");
  const speak = document.getElementById("speak");
  let now = 0;
  let speaker = null;  // window of the notes
  let begun = 0;

  function scale() {
    const factor = Math.min(innerWidth / 1280, innerHeight / 720);
    for (const slide of slides) slide.style.transform = `scale(${factor}) translateX(-50%)`;
  }

  function show(number) {
    now = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, n) => { slide.hidden = n !== now; });
    place.textContent = `${now + 1} of ${slides.length}`;
    history.replaceState(null, "", `#s${now + 1}`);
    tell();
  }

  const title = (slide) => slide ? slide.querySelector("h1, h2").innerHTML : "The end";
  const isOpen = () => speaker !== null && !speaker.closed;

  // The window is empty and belongs to this page, so that it can be written to from disk, too.
  function tell() {
    if (!isOpen()) return;
    const said = slides[now].querySelector(".notes");
    speaker.document.getElementById("at").textContent = `${now + 1} of ${slides.length}`;
    speaker.document.getElementById("now").innerHTML = title(slides[now]);
    speaker.document.getElementById("next").innerHTML = `Next: ${title(slides[now + 1])}`;
    speaker.document.getElementById("said").innerHTML = said ? said.innerHTML : "<p>No notes.</p>";
    speaker.scrollTo(0, 0);
  }

  function clock() {
    if (!isOpen()) return;
    const seconds = Math.floor((Date.now() - begun) / 1000);
    const shown = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    speaker.document.getElementById("clock").textContent = shown;
  }

  function open() {
    speaker = window.open("", "", "popup,width=900,height=700");
    if (!speaker) return false;
    const page = speaker.document;
    page.documentElement.lang = "en";
    page.title = `Notes: ${document.title}`;
    for (const style of document.querySelectorAll("style")) page.head.append(page.importNode(style, true));
    page.body.className = "speaker";
    page.body.innerHTML = '<header><span id="at"></span> <span id="clock"></span></header>' +
      '<h1 id="now"></h1><main id="said" aria-live="polite"></main><p id="next"></p>';
    page.addEventListener("keydown", move);
    begun = Date.now();
    speaker.setInterval(clock, 1000);
    clock();
    tell();
    return true;
  }

  const overflows = (body) =>
    body.lastElementChild && body.lastElementChild.getBoundingClientRect().bottom > body.getBoundingClientRect().bottom + 1;

  // What does not fit is made smaller, down to three fifths; formulas are as high as they are only once they are set.
  function fit() {
    for (const slide of slides) {
      const body = slide.querySelector(".body");
      const hidden = slide.hidden;
      slide.hidden = false;
      for (const formula of slide.querySelectorAll(".formula")) {
        for (let size = 96; size >= 60 && formula.scrollWidth > formula.clientWidth; size -= 4) {
          formula.style.fontSize = `${size}%`;
        }
      }
      for (let size = 100; size >= 60 && overflows(body); size -= 4) {
        body.style.fontSize = `${size}%`;
      }
      slide.hidden = hidden;
    }
  }

  // In a window of their own; where the browser refuses one, below the slide.
  function notes() {
    if (isOpen()) {
      speaker.focus();
      return;
    }
    const isBelow = speak.getAttribute("aria-pressed") === "true";
    const isRefused = !isBelow && !open();
    speak.setAttribute("aria-pressed", String(isRefused));
    for (const aside of document.querySelectorAll(".notes")) aside.hidden = !isRefused;
  }

  const moves = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1};
  function move(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("button") && event.key === " ") return;
    if (event.key in moves) show(now + moves[event.key]);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(slides.length - 1);
    else if (event.key === "n") notes();
    else return;
    event.preventDefault();
  }
  addEventListener("keydown", move);
  document.getElementById("back").addEventListener("click", () => show(now - 1));
  document.getElementById("forth").addEventListener("click", () => show(now + 1));
  speak.addEventListener("click", notes);
  addEventListener("resize", scale);
  addEventListener("hashchange", () => show(Number(location.hash.slice(2)) - 1 || 0));

  document.body.classList.add("presenting");
  scale();
  show(Number(location.hash.slice(2)) - 1 || 0);
  addEventListener("load", () => {
    const ready = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
    ready.then(fit).then(tell);
  });
})();
