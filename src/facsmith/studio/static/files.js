// Sends a small file's text: 'file' with {name, data}.
const input = element.querySelector("input"), most = Number(input.dataset.most), said = element.querySelector(".said");
input.addEventListener("change", () => {
  const file = input.files[0];
  input.value = "";
  if (!file) return;
  if (file.size > most) { said.textContent = `At most ${(most / 1e6).toFixed(0)} MB are taken here.`; return; }
  said.textContent = "";
  const reader = new FileReader();
  reader.onload = () => trigger("file", { name: file.name, data: reader.result.split(",")[1] || "" });
  reader.readAsDataURL(file);
});
