// The picture being worked on: after, before under a wipe, or the film. value: {after, before?, alt, video?}
const find = (name) => element.querySelector(name);
const after = find(".after"), before = find(".before"), film = find("video"), wipe = find("input"), empty = find(".empty");

function cut() {
  before.style.clipPath = `inset(0 ${100 - wipe.value}% 0 0)`;
  find(".edge").style.left = `${wipe.value}%`;
  find(".edge").hidden = wipe.value === "0";
  wipe.setAttribute("aria-valuetext", `${wipe.value} percent of the photo as it was`);
}

function show() {
  const value = props.value || {};
  const playing = Boolean(value.video);
  empty.hidden = Boolean(value.after || value.video);
  if (value.after) { after.src = value.after; after.alt = value.alt || ""; }
  if (value.before) before.src = value.before;
  find(".stills").hidden = playing || !after.getAttribute("src");
  find(".wipe").hidden = find(".stills").hidden;
  film.hidden = !playing;
  if (playing && film.getAttribute("src") !== value.video) {
    film.src = value.video;
    film.play().catch(() => {});
  } else if (!playing) { film.pause(); film.removeAttribute("src"); }
  element.dataset.shown = value.shown || "";
}

wipe.addEventListener("input", cut);
watch("value", show);
show();
cut();
