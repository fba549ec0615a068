// The photo with its faces; sends 'choose' with the number of the one clicked.
element.addEventListener("click", (e) => {
  const button = e.target.closest("[data-face]");
  if (button) trigger("choose", { index: Number(button.dataset.face) });
});
