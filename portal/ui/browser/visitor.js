// What the visitor chose lasts: the page's language is told to the browser, the theme is kept for every page's address.
const YEAR = 31536000;

function keep(name, value) {
  const wanted = `${name}=${value}`;
  if (document.cookie.split("; ").includes(wanted)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${wanted}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
}

export default function ({ data }) {
  document.documentElement.lang = data.lang;
  if (data.language) keep("atrium_language", data.language);
  if (data.seen) keep("atrium_seen_dashboard", "1");
  if (!data.theme) return;
  keep("atrium_theme", data.theme);
  let changed = false;
  for (const path of data.paths) {
    const key = `stActiveTheme-${path}-v2`;
    if (localStorage.getItem(key) !== JSON.stringify(data.theme)) {
      localStorage.setItem(key, JSON.stringify(data.theme));
      changed = changed || path === location.pathname;
    }
  }
  if (changed) location.reload();
}
