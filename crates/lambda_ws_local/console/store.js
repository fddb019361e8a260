// The user's settings. They are stored in the browser.

const PREFIX = "lambda-ws-console:";

/** Returns a setting. Its value is `fallback` until it is set. */
export function setting(name, fallback) {
  const key = PREFIX + name;
  let value = fallback;
  try {
    const stored = localStorage.getItem(key);
    if (stored !== null) value = JSON.parse(stored);
  } catch {
    // The browser can disable the storage. The setting then lasts until a reload.
  }
  return {
    get: () => value,
    set(next) {
      value = next;
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // As above, the storage can be disabled.
      }
    },
  };
}
