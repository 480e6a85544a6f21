// The theme's Font Awesome would replace the <i> that the Play widget looks for.
window.FontAwesomeConfig = { observeMutations: false };

// ipywidgets 8 speaks to MathJax 2; the book has MathJax 3.
document.addEventListener("DOMContentLoaded", () => {
  if (window.MathJax === undefined) return;
  window.MathJax.Hub ??= {
    Queue: (...calls) => {
      for (const [name, , element] of calls.filter(Array.isArray)) {
        if (name === "Typeset") window.MathJax.typesetPromise?.([element]);
      }
    },
  };
});
