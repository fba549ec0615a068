// What this browser remembers of every move by itself, so that nothing is lost with the line or the server.
function remember(moved) {
  try { localStorage.setItem("facsmith-moves", JSON.stringify({ ...JSON.parse(localStorage.getItem("facsmith-moves") || "{}"), ...moved })); } catch { /* no room, or not allowed */ }
}
