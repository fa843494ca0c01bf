// The theme the person has chosen before, or that of the system: set before anything is drawn.
document.documentElement.dataset.theme = localStorage.getItem("dalab-theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")
