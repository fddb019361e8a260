// What a person has set, kept over a reload.

const PREFIX = "lambda-ws-console:";

/** A setting that is `fallback` until it is set. */
export function setting(name, fallback) {
  const key = PREFIX + name;
  let value = fallback;
  try {
    const kept = localStorage.getItem(key);
    if (kept !== null) value = JSON.parse(kept);
  } catch {
    // Storage may be forbidden: then nothing is kept.
  }
  return {
    get: () => value,
    set(next) {
      value = next;
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // As above.
      }
    },
  };
}
