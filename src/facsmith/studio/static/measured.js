// What is measured of the picture, beside each Action Unit. value: {measured: {AU12: .6, L4: .2}}.
watch("value", () => {
  const measured = (props.value || {}).measured || {};
  for (const row of document.querySelectorAll("#expression .au")) {
    const au = row.dataset.au, sides = ["R", "L", "AU"].filter((side) => `${side}${au}` in measured);
    row.querySelector(".seen").textContent = sides.map((side) => (side === "AU" ? "" : `${side} `) + measured[`${side}${au}`].toFixed(2)).join(" ");
  }
});
