/**
 * The script of the status page: puts a new one in the place of the old every two seconds, while
 * somebody looks, and says so when there is no answer. The page is complete without it.
 */
export const live = `
const main = document.querySelector('main');
const stale = document.querySelector('#stale');
const limit = 5000;
async function update() {
  if (!document.hidden) {
    try {
      const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(limit) });
      if (!response.ok) throw new Error(response.status);
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      main.replaceChildren(...page.querySelector('main').childNodes);
      stale.textContent = '';
    } catch {
      stale.textContent ||= 'no answer since ' + new Date().toLocaleTimeString();
    }
  }
  setTimeout(update, 2000);
}
setTimeout(update, 2000);
`;
