// The film's curves, with a cursor that runs with the film; a press on them goes there. value: HTML.
const curves = element.querySelector(".curves"), fold = element.querySelector(".fold");
const film = () => document.querySelector("#stage .main video[src]");

function show() {
  curves.innerHTML = props.value;
  fold.hidden = !props.value;
}

function run() {
  const cursor = curves.querySelector(".cursor"), shown = film();
  if (cursor) {
    cursor.hidden = !shown;
    if (shown) cursor.style.left = `${100 * shown.currentTime / (shown.duration || 1)}%`;
  }
  requestAnimationFrame(run);
}

function seek(e) {
  const box = curves.querySelector("svg").getBoundingClientRect(), at = (e.clientX - box.left) / box.width;
  film().pause();
  film().currentTime = Math.min(1, Math.max(0, at)) * (film().duration || 0);
  film().dispatchEvent(new Event("scrub"));
}

curves.addEventListener("pointerdown", (e) => { if (film()) { curves.setPointerCapture(e.pointerId); seek(e); } });
curves.addEventListener("pointermove", (e) => { if (film() && curves.hasPointerCapture(e.pointerId)) seek(e); });
fold.addEventListener("click", () => fold.setAttribute("aria-expanded", fold.getAttribute("aria-expanded") !== "true"));
watch("value", show);
show();
requestAnimationFrame(run);
