// Buttons that make files; sends 'make' with the kind. value: {kind, files: [{href, name, size}], number}: what is ready, or
// no files where it failed.
const ready = element.querySelector(".ready"), buttons = [...element.querySelectorAll("[data-kind]")];
let shown = 0;

function busy(button, more) {
  button.dataset.waiting = Math.max(0, Number(button.dataset.waiting || 0) + more);
  button.setAttribute("aria-busy", button.dataset.waiting > 0);
}

function show() {
  const { kind, files, number } = props.value || {};
  if (!number || number === shown) return;
  shown = number;
  const button = buttons.find((b) => b.dataset.kind === kind);
  if (button) busy(button, -1);
  if (!files?.length) return;
  ready.hidden = false;
  const links = files.map(({ href, name, size }) => Object.assign(document.createElement("a"), { href, download: name, textContent: `${name} (${size})` }));
  const item = document.createElement("li");
  item.append(...links.flatMap((link) => [link, " "]));
  ready.prepend(item);
  links[0].click();
  [...ready.children].slice(6).forEach((old) => old.remove());
}

for (const button of buttons) button.addEventListener("click", () => { busy(button, 1); trigger("make", { kind: button.dataset.kind }); });
watch("value", show);
show();
