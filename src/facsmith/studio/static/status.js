// What is going on. value: {text, done, total, busy, film, error, face, reload}. Sends 'cancel', and 'face' when there is
// another one to show, told by its number. reload: a new server does not know this page.
const bar = element.querySelector("progress"), button = element.querySelector("button");
let face = 0;

function show() {
  const value = props.value || {};
  element.querySelector(".text").textContent = value.text || "";
  element.querySelector(".fs-status").classList.toggle("error", Boolean(value.error));
  bar.hidden = !value.busy;
  button.hidden = !value.busy;
  if (value.total) { bar.max = value.total; bar.value = value.done || 0; } else bar.removeAttribute("value");
  document.querySelector("#play")?.setAttribute("aria-busy", Boolean(value.busy && value.film));
  if (value.reload) { document.body.dataset.lost = "1"; window.location.reload(); }
  if (value.face && value.face !== face) { face = value.face; trigger("face"); }
}

button.addEventListener("click", () => trigger("cancel"));
watch("value", show);
show();
