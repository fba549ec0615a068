// Check boxes. value: {name: true, ...}. Sends 'chosen'.
const boxes = [...element.querySelectorAll("input")];
const show = () => boxes.forEach((box) => { box.checked = Boolean((props.value || {})[box.name]); });
element.addEventListener("change", () => {
  props.value = Object.fromEntries(boxes.map((box) => [box.name, box.checked]));
  trigger("chosen");
});
watch("value", show);
show();
