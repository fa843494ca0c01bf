// Report a lost connection, and reload the page as soon as the lab responds; the key in its address
// restores the run.
const address = new URL(location)
address.searchParams.set(back, key)
const message = document.createElement("div")
message.style.cssText = `position: fixed; left: 50%; top: 45px; transform: translateX(-50%); z-index: 9;
  padding: 9px 16px; border-radius: 5px; border: 1px solid var(--lab-error);
  color: var(--lab-error); background: var(--lab-error-ground); font-size: 13px`
message.role = "alert"
message.textContent = "Connection to the lab lost. This page reloads as soon as the lab responds."
document.body.append(message)

const probe = document.querySelector("script[src]").src
async function probeAgain() {
  const answer = await fetch(probe, { method: "HEAD", cache: "no-store" }).catch(() => null)
  if (answer?.ok) location.replace(address)
  else setTimeout(probeAgain, 500)
}
probeAgain()
