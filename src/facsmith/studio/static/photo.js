// Where a face comes from: a file (files.js), the clipboard, the camera, a sample, the generator. Sends 'sample', 'face'.
const find = (name) => element.querySelector(name), video = find("video");

// Whatever is dropped on the page; the server tells what it is.
for (const name of ["dragenter", "dragover"])
  document.addEventListener(name, (e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); document.body.classList.add("over"); } });
for (const name of ["drop", "dragleave"])
  document.addEventListener(name, (e) => { if (name === "drop" || !e.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (e) => { for (const file of e.dataTransfer?.files || []) { e.preventDefault(); send(file); } });
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
    said.textContent = "";
  } catch (error) { said.textContent = "No camera can be used here: none is connected, or it was not allowed."; }
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
