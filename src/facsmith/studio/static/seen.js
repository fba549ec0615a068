// What is measured of the picture, beside each Action Unit, – where none is. value: {measured: {AU12: .6, L4: .2}}.
watch("value", () => {
  const measured = (props.value || {}).measured || {};
  for (const row of document.querySelectorAll("#expression .au")) {
    const au = row.dataset.au, sides = ["R", "L", "AU"].filter((side) => `${side}${au}` in measured);
    const seen = row.querySelector(".seen");
    seen.textContent = sides.map((side) => (side === "AU" ? "" : `${side} `) + measured[`${side}${au}`].toFixed(2)).join(" ") || "–";
    seen.title = sides.length ? "Measured on the picture" : "Not measured: landmarks and networks here do not tell this one";
  }
});
