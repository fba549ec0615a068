// The picture being worked on. value: {after, alt, before, whole, places: {face: [x, y, w, h] in shares of the photo, ...},
// size: [w, h] of the photo}, {video, spread: it is of the whole photo}, or {pair: a film before and after}; what is left out stays.
const all = (name) => [...element.querySelectorAll(name)], find = (name) => element.querySelector(name);
const film = find(".main video"), pair = find(".pair video"), wipe = find(".wipe input"), veil = find(".veil");
let known = {}, camera = [0, 0, 1, 1], place = "face", beside = "", playing = false, holding = false, paired = false;

function look() {  // lay the photo's world so that the camera's part of it fills the view
  const [x, y, w, h] = camera, [width, height] = known.size;
  element.style.setProperty("--aspect", (w * width) / (h * height));
  for (const world of all(".world"))
    Object.assign(world.style, { left: `${-100 * x / w}%`, top: `${-100 * y / h}%`, width: `${100 / w}%`, height: `${100 / h}%` });
  const [left, top, across, down] = known.places.face.map((v) => `${100 * v}%`);
  for (const layer of all(".layer")) Object.assign(layer.style, { left, top, width: across, height: down });
  if (known.spread) Object.assign(film.style, { left: 0, top: 0, width: "100%", height: "100%" });
}

function go(name) { place = name; camera = [...(known.places[name] || known.places.face)]; look(); paint(); }

function zoom(by, at = [0.5, 0.5]) {
  const size = [camera[2] / by, camera[3] / by];
  if (size[0] > 1.01 || size[0] < 0.02) return;
  camera = [0, 1].map((i) => camera[i] + at[i] * (camera[i + 2] - size[i])).concat(size);
  place = "";
  look(); paint();
}

function paint() {
  const cut = holding ? 0 : 100 - wipe.value;
  veil.style.clipPath = `inset(0 ${cut}% 0 0)`;
  find(".edge").style.left = `${wipe.value}%`;
  find(".edge").hidden = wipe.value === "0" || holding;
  wipe.setAttribute("aria-valuetext", `${wipe.value} percent of the photo as it was`);
  for (const part of [".panes", ".tools", ".wipe"]) find(part).hidden = paired || !known.size;
  find(".empty").hidden = paired || Boolean(known.size);
  find(".pair").hidden = !paired;
  if (!paired) pair.pause();
  film.hidden = !playing;
  find(".view.main .after").hidden = playing;
  for (const button of all(".of-film")) button.hidden = !known.video;
  find(".beside").hidden = !beside;
  find(".world.photo").hidden = beside !== "photo";
  find(".world.still").hidden = beside !== "still";
  const [left, right] = all("figcaption");
  left.textContent = beside === "photo" ? "The photo" : "Still";
  right.textContent = beside ? (playing ? "Film" : "New") : "";
  for (const button of all("[data-place]")) { button.setAttribute("aria-pressed", button.dataset.place === place); button.hidden = known.places && !known.places[button.dataset.place]; }
  for (const button of all("[data-beside]")) button.setAttribute("aria-pressed", button.dataset.beside === beside);
  find(".film").setAttribute("aria-pressed", playing);
  find(".run").hidden = !playing;
  find(".run").textContent = film.paused ? "Run" : "Pause";
  find(".run").setAttribute("aria-pressed", !film.paused);
}

function run(on) { playing = on && Boolean(known.video); if (playing) film.play().catch(() => {}); else film.pause(); paint(); }

function show() {
  const value = props.value || {};
  if (value.size && value.before !== known.before) { known.video = ""; film.removeAttribute("src"); }
  known = { ...known, ...value };
  for (const img of all(".after")) if (value.after) { img.src = value.after; img.alt = value.alt || ""; }
  for (const img of all(".before")) if (value.before) img.src = value.before;
  for (const img of all(".whole")) if (value.whole) img.src = value.whole;
  if (value.pair || value.after || value.video) paired = Boolean(value.pair);
  if (value.pair) { if (!pair.src.endsWith(value.pair)) pair.src = value.pair; pair.play().catch(() => {}); }
  if (value.video) { film.src = value.video; look(); run(true); }
  else if (value.after && playing && beside !== "still") run(false);
  if (value.places) go(known.places[place] ? place : "face");
  paint();
  element.dataset.shown = value.shown || "";
}

wipe.addEventListener("input", paint);
element.addEventListener("click", (e) => {
  const button = e.target.closest("button");
  if (!button) return;
  if (button.dataset.place) go(button.dataset.place);
  if (button.dataset.beside) { beside = beside === button.dataset.beside ? "" : button.dataset.beside; if (beside === "still") run(true); }
  if (button.matches(".film")) run(!playing);
  if (button.matches(".run")) film.paused ? film.play() : film.pause();
  if (button.matches(".closer")) zoom(1.25);
  if (button.matches(".farther")) zoom(0.8);
  paint();
});
for (const name of ["play", "pause"]) film.addEventListener(name, paint);
film.addEventListener("scrub", () => { playing = true; paint(); });

const hold = (on) => (e) => { if (on && e.type === "keydown" && !"Enter ".includes(e.key)) return; holding = on; paint(); };
for (const name of ["pointerdown", "keydown"]) find(".hold").addEventListener(name, hold(true));
for (const name of ["pointerup", "pointerleave", "keyup", "blur"]) find(".hold").addEventListener(name, hold(false));

let drag = null;
for (const view of all(".view")) {
  view.addEventListener("wheel", (e) => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    const box = view.getBoundingClientRect();
    zoom(e.deltaY < 0 ? 1.15 : 1 / 1.15, [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]);
  }, { passive: false });
  view.addEventListener("pointerdown", (e) => { drag = [e.clientX, e.clientY]; view.setPointerCapture(e.pointerId); holding = !place || place === "face"; if (place !== "face") holding = false; paint(); });
  view.addEventListener("pointermove", (e) => {
    if (!drag || place === "face" || place === "whole") return;
    const box = view.getBoundingClientRect();
    camera[0] -= (e.clientX - drag[0]) / box.width * camera[2];
    camera[1] -= (e.clientY - drag[1]) / box.height * camera[3];
    drag = [e.clientX, e.clientY];
    look();
  });
  for (const name of ["pointerup", "pointercancel"]) view.addEventListener(name, () => { drag = null; holding = false; paint(); });
}

// Where the face stands above the tabs, they stay in reach below it.
const left = document.querySelector("#left");
new ResizeObserver(() => document.body.style.setProperty("--left-height", `${left.offsetHeight}px`)).observe(left);

watch("value", show);
show();
paint();
