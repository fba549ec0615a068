// Buttons that make files; sends 'make' with the kind. value: {href, name, size} of the file that is ready.
const link = element.querySelector("a"), ready = element.querySelector(".ready");

function show() {
  const value = props.value || {};
  ready.hidden = !value.href;
  if (!value.href) return;
  link.href = value.href;
  link.download = value.name;
  link.textContent = `${value.name} (${value.size})`;
  link.click();
}

for (const button of element.querySelectorAll("[data-kind]"))
  button.addEventListener("click", () => trigger("make", { kind: button.dataset.kind }));
watch("value", show);
