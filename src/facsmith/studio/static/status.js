// What is going on. value: {text, done, total, busy, error}. Sends 'cancel'.
const bar = element.querySelector("progress"), button = element.querySelector("button");

function show() {
  const value = props.value || {};
  element.querySelector(".text").textContent = value.text || "";
  element.querySelector(".fs-status").classList.toggle("error", Boolean(value.error));
  bar.hidden = !value.busy;
  button.hidden = !value.busy;
  if (value.total) { bar.max = value.total; bar.value = value.done || 0; } else bar.removeAttribute("value");
}

button.addEventListener("click", () => trigger("cancel"));
watch("value", show);
show();
