// A slider an AU, most with two sides. value: {left: {"12": .6}, right: {...}, split: [12], turn}. Sends 'move' while a slider
// goes and 'settle' when it stands.
const rows = [...element.querySelectorAll(".au")];
const letter = (v) => "–ABCDE"[Math.min(5, Math.round(v * 5))];

function paint() {
  const value = props.value;
  element.firstElementChild.dataset.turn = value.turn || 0;
  for (const row of rows) {
    const au = row.dataset.au, split = value.split.includes(Number(au));
    row.classList.toggle("split", split);
    const link = row.querySelector(".link input");  // eyes turn together, and have none
    if (link) link.checked = !split;
    let most = 0;
    for (const input of row.querySelectorAll("input[data-side]")) {
      const v = value[input.dataset.side][au] || 0;
      if (input.type === "number") { if (document.activeElement !== input) input.value = v.toFixed(2); continue; }
      if (Math.abs(Number(input.value) - v) > 0.025) input.value = v;
      input.style.setProperty("--fill", `${v * 100}%`);
      input.setAttribute("aria-valuetext", v < 0.1 ? `none, ${v.toFixed(2)}` : `${letter(v)}, ${v.toFixed(2)}`);
      if (!split || !most) most = Math.max(most, v);
      most = Math.max(most, v);
    }
    row.classList.toggle("active", most >= 0.01);
    row.querySelector("output").textContent = most < 0.1 ? "–" : letter(most);
  }
}

let held = props.value;  // as it was moved last: Gradio sends what long work told once more when that has ended

function change(edit) {
  const value = JSON.parse(JSON.stringify(props.value));
  edit(value);
  value.turn = (value.turn || 0) + 1;  // what overtakes on the way is told from what is newer
  props.value = held = value;
  remember({ pose: held });
  for (const seen of element.querySelectorAll(".seen")) seen.textContent = "";
  paint();
}

element.addEventListener("input", (e) => {
  if (!e.target.dataset.side) return;
  const au = e.target.closest(".au").dataset.au, v = Math.min(1, Math.max(0, Number(e.target.value)));
  change((value) => {
    const sides = value.split.includes(Number(au)) ? [e.target.dataset.side] : ["left", "right"];
    for (const side of sides) value[side][au] = v;
  });
  trigger("move");
});

element.addEventListener("change", (e) => {
  if (e.target.dataset.side) { trigger("settle"); if (e.target.type === "number") { e.target.blur(); paint(); } }
  if (e.target.type !== "checkbox") return;
  const au = Number(e.target.closest(".au").dataset.au), linked = e.target.checked;
  change((value) => {
    value.split = value.split.filter((other) => other !== au);
    if (!linked) value.split.push(au);
    else value.left[au] = value.right[au] = Math.max(value.left[au] || 0, value.right[au] || 0);
  });
  trigger("move");
  trigger("settle");
});

element.addEventListener("dblclick", (e) => {  // back to nothing
  if (e.target.type !== "range") return;
  e.target.value = 0;
  e.target.dispatchEvent(new Event("input", { bubbles: true }));
  e.target.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("keydown", (e) => {
  if (!(e.ctrlKey || e.metaKey) || !"zy".includes(e.key.toLowerCase()) || e.target.matches("input[type=number], input[type=text], textarea")) return;
  e.preventDefault();
  document.querySelector(e.shiftKey || e.key.toLowerCase() === "y" ? "#redo" : "#undo").click();
});

watch("value", () => {
  if ((props.value.turn || 0) < (held.turn || 0)) props.value = held;
  held = props.value;
  if (held.turn) remember({ pose: held });
  paint();
});
paint();
