// Seconds per AU. value: {rows: {"12": [start, onset, apex, offset]}, active: [12]}. Sends 'timed'.
const body = element.querySelector("tbody");

function paint() {
  const value = props.value;
  for (const row of body.querySelectorAll("tr[data-au]")) {
    const au = row.dataset.au;
    row.hidden = !value.active.includes(Number(au));
    [...row.querySelectorAll("input")].forEach((input, i) => {
      const v = String(Number(value.rows[au][i].toFixed(2)));
      if (document.activeElement !== input && input.value !== v) input.value = v;
    });
  }
  element.querySelector(".none").hidden = value.active.length > 0;
  element.querySelector("table").hidden = value.active.length === 0;
}

element.addEventListener("change", (e) => {
  const row = e.target.closest("tr"), column = Number(e.target.dataset.column), most = Number(e.target.max);
  const seconds = Math.min(most, Math.max(0, Number(e.target.value)));
  if (e.target.value === "" || !Number.isFinite(seconds)) { if (row.dataset.au) paint(); return; }
  const value = JSON.parse(JSON.stringify(props.value));
  for (const au of row.dataset.au ? [row.dataset.au] : Object.keys(value.rows)) value.rows[au][column] = seconds;
  props.value = value;
  remember({ rows: value.rows });
  if (!row.dataset.au) e.target.value = "";
  paint();
  trigger("timed");
});

watch("value", () => {
  if (props.value.active.length) remember({ rows: props.value.rows });
  paint();
});
paint();
