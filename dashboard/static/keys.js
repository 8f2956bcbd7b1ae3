// The inbox by keyboard. Every key presses a control that is on the page already, found by the key that
// the page gave it (Streamlit makes a class `st-key-...` of it), so that nothing here decides anything.
(() => {
  if (window.listenerKeys) return;
  window.listenerKeys = true;

  const rows = () => [...document.querySelectorAll('[class*="st-key-line_"]')];
  const id = (row) => [...row.classList].find((c) => c.startsWith("st-key-line_"))?.slice(12);
  const current = () => {
    const focused = document.activeElement?.closest('[class*="st-key-line_"]');
    return focused ?? rows().find((row) => id(row) === window.listenerLine) ?? null;
  };

  // A rule and not a class on the row: the row may be drawn anew at any time.
  const mark = (row) => {
    window.listenerLine = id(row);
    let style = document.getElementById("ls-current");
    if (!style) {
      style = document.createElement("style");
      style.id = "ls-current";
      document.head.append(style);
    }
    style.textContent = `.st-key-line_${window.listenerLine} { outline: 3px solid #0b5c8a; outline-offset: 1px; }`;
  };

  const go = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(current());
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
    mark(next);
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const inRow = (selector) => {
    const row = current();
    row?.querySelector(selector.replace("ID", row ? id(row) : ""))?.click();
  };

  const actions = {
    j: () => go(1),
    k: () => go(-1),
    o: () => inRow("a"),
    c: () => inRow(".st-key-claim_ID button:not([disabled])"),
    x: () => inRow(".st-key-inbox_pick_ID input"),
    u: () => document.querySelector(".st-key-inbox_fresh button")?.click(),
    "?": () => document.querySelector(".st-key-inbox_keys button")?.click(),
    "/": () => {
      const field = document.querySelector(".st-key-inbox_search input");
      field?.focus();
      field?.select();
    },
  };

  const typing = (target) =>
    target.isContentEditable ||
    target.closest('textarea, select, [role="combobox"], [role="dialog"], [data-baseweb="popover"]') ||
    (target.tagName === "INPUT" && target.type !== "checkbox");

  document.addEventListener(
    "keydown",
    (event) => {
      if (!document.querySelector(".st-key-inbox_keys")) return; // another page
      if (event.key === "Escape" && event.target.closest?.(".st-key-inbox_search")) {
        event.target.blur();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      // Enter on a focused link opens it by itself; a row that was drawn anew has lost the focus.
      const lost = event.key === "Enter" && event.target === document.body;
      const action = lost ? actions.o : actions[event.key];
      if (!action || typing(event.target)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      action();
    },
    true,
  );
})();
