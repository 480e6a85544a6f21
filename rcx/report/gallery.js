// Filters of a gallery: a panel is shown if it fits all of them, a row if one of its panels is.
(() => {
  const apply = (form) => {
    const gallery = form.closest(".rcx-gallery");
    const wanted = [...form.querySelectorAll("select")].filter((select) => select.value);
    const panels = [...gallery.querySelectorAll(".rcx-panel")];
    for (const panel of panels) {
      panel.hidden = wanted.some((select) => panel.dataset[select.dataset.filter] !== select.value);
    }
    for (const row of gallery.querySelectorAll(".rcx-row")) {
      row.hidden = !row.querySelector(".rcx-panel:not([hidden])");
    }
    const shown = panels.filter((panel) => !panel.hidden).length;
    form.querySelector("output").textContent = `${shown} of ${panels.length} shown`;
  };
  for (const form of document.querySelectorAll(".rcx-gallery:not([data-ready]) .rcx-filters")) {
    form.closest(".rcx-gallery").dataset.ready = "yes";
    form.addEventListener("change", () => apply(form));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => apply(form)));
    apply(form); // a browser may keep choices when a page is loaded again
  }
})();
