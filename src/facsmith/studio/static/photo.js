// Where a face comes from: a file, the clipboard, the camera, a sample, the generator. Sends 'photo', 'sample', 'face'.
const find = (name) => element.querySelector(name);
const input = find("input[type=file]"), drop = find(".drop"), said = find(".said"), video = find("video");
const most = Number(find(".photo").dataset.most);

function tell(text) { said.textContent = text; }

function send(file) {
  if (!file) return;
  if (file.size > most) { tell(`This file has ${(file.size / 1e6).toFixed(1)} MB; at most ${(most / 1e6).toFixed(0)} MB are taken here.`); return; }
  tell("");
  const reader = new FileReader();
  reader.onload = () => trigger("photo", { name: file.name || "photo", data: reader.result.split(",")[1] || "" });
  reader.readAsDataURL(file);
}

input.addEventListener("change", () => { send(input.files[0]); input.value = ""; });
for (const name of ["dragenter", "dragover"])
  drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (e) => { e.preventDefault(); send(e.dataTransfer.files[0]); });
document.addEventListener("paste", (e) => {
  const file = [...(e.clipboardData?.files || [])].find((f) => f.type.startsWith("image/"));
  if (file) send(file);
});

let camera = null;
function close() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  find(".camera").hidden = true;
}
find(".open-camera").addEventListener("click", async () => {
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    video.srcObject = camera;
    find(".camera").hidden = false;
    find(".take").focus();
    tell("");
  } catch (error) { tell("No camera can be used here: none is connected, or it was not allowed."); }
});
find(".close-camera").addEventListener("click", close);
find(".take").addEventListener("click", () => {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => { close(); send(new File([blob], "camera.png")); }, "image/png");
});

for (const button of element.querySelectorAll("[data-sample]"))
  button.addEventListener("click", () => trigger("sample", { key: button.dataset.sample }));
find(".new-face").addEventListener("click", () => trigger("face", { seed: Math.floor(Math.random() * 1e9) }));
