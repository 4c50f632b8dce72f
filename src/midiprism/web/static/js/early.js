// Before anything is drawn, so that a chosen theme does not flash.
try {
  document.documentElement.dataset.theme = localStorage.getItem("midiprism.theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto";
}
