// Sends small files, each on its own: 'file' with {name, data}.
const input = element.querySelector("input[type=file]"), most = Number(input.dataset.most), said = element.querySelector(".said");
function send(file) {
  if (file.size > most) { said.textContent = `This file has ${(file.size / 1e6).toFixed(1)} MB; at most ${(most / 1e6).toFixed(0)} MB are taken here.`; return; }
  said.textContent = "";
  const reader = new FileReader();
  reader.onload = () => trigger("file", { name: file.name || "photo", data: reader.result.split(",")[1] || "" });
  reader.readAsDataURL(file);
}
input.addEventListener("change", () => { for (const file of input.files) send(file); input.value = ""; });
