// The work as a file (files.js opens one). value: {href, name, revision, want}. The newest is kept in this browser's cache; when
// a new server does not know this page ('want'), it is sent as 'kept'. Sends 'forget'; 'again' when another tab may have moved on.
const save = element.querySelector(".save"), forget = element.querySelector(".forget"), NAME = "facsmith", KEPT_MS = 900_000;
let lost = false, revision = 0;

async function show() {
  const value = props.value || {};
  save.hidden = forget.hidden = !value.href;
  if (value.href) { save.href = value.href; save.download = value.name; }
  if (!window.caches) return;  // an address that is neither this machine's nor encrypted: only the server keeps the work
  const cache = await caches.open(NAME);
  if (value.want) {
    const found = await cache.match("/project"), age = Date.now() - new Date(found?.headers.get("date") || 0);
    if (!found || age > KEPT_MS) { await caches.delete(NAME); trigger("kept", {}); return; }
    const reader = new FileReader();
    reader.onload = () => trigger("kept", { name: "kept", data: reader.result.split(",")[1] });
    reader.readAsDataURL(await found.blob());
  } else if (value.href && value.revision !== revision) {
    revision = value.revision;
    const answer = await fetch(value.href).catch(() => null);
    if (answer?.ok) await cache.put("/project", answer);
  }
}

forget.addEventListener("click", async () => { if (window.caches) await caches.delete(NAME); localStorage.removeItem("facsmith-moves"); save.hidden = true; trigger("forget"); });
// Leaving asks, but not when Gradio loads the page anew because the line was lost: then nothing is.
const ask = window.fetch;
window.fetch = (...what) => ask(...what).catch((error) => { lost = error.name !== "AbortError" || lost; throw error; });
window.addEventListener("beforeunload", (e) => { if (!save.hidden && !lost && !document.body.dataset.lost) e.preventDefault(); });
window.addEventListener("focus", () => { if (!save.hidden) trigger("again", { turn: Number(document.querySelector(".fs-aus").dataset.turn) }); });
watch("value", show);
show();
