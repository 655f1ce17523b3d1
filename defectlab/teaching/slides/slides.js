// Arrow keys, space, Home and End move; n shows the notes; the address keeps the place. Without this script the slides
// stand one below the other.
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const place = document.getElementById("place");
  const speak = document.getElementById("speak");
  let now = 0;

  function scale() {
    const factor = Math.min(innerWidth / 1280, innerHeight / 720);
    for (const slide of slides) slide.style.transform = `scale(${factor}) translateX(-50%)`;
  }

  function show(number) {
    now = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, n) => { slide.hidden = n !== now; });
    place.textContent = `${now + 1} of ${slides.length}`;
    history.replaceState(null, "", `#s${now + 1}`);
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

  function notes() {
    const shown = speak.getAttribute("aria-pressed") !== "true";
    speak.setAttribute("aria-pressed", String(shown));
    for (const aside of document.querySelectorAll(".notes")) aside.hidden = !shown;
  }

  const moves = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1};
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("button") && event.key === " ") return;
    if (event.key in moves) show(now + moves[event.key]);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(slides.length - 1);
    else if (event.key === "n") notes();
    else return;
    event.preventDefault();
  });
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
    ready.then(fit);
  });
})();
