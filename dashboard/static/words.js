// Says what the pages' framework says by itself in the person's language: exact texts only, and
// never inside what other people wrote.
(() => {
  const { exact, patterns } = WORDS;
  const rules = patterns.map(([text, word]) => [new RegExp(text), word]);
  const NAMES = ['aria-label', 'placeholder', 'title', 'aria-roledescription'];
  const THEIRS = '.ls-text, bdi, mark, td, textarea, [data-testid=stCode]';

  const said = (text) => {
    const word = exact[text.trim()];
    if (word) return text.replace(text.trim(), () => word);
    for (const [rule, word] of rules) if (rule.test(text)) return text.replace(rule, word);
    return text;
  };
  const put = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.data.length > 120 || node.parentElement?.closest(THEIRS)) return;
      const word = said(node.data);
      if (word !== node.data) node.data = word;
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      for (const name of NAMES) {
        const text = node.getAttribute(name);
        if (!text) continue;
        const word = said(text);
        if (word !== text) node.setAttribute(name, word);
      }
    }
  };
  const all = (root) => {
    put(root);
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) put(walk.currentNode);
  };
  new MutationObserver((changes) => {
    for (const change of changes)
      if (change.type === 'childList') change.addedNodes.forEach(all);
      else put(change.target);
  }).observe(document.body, {
    childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: NAMES,
  });
  all(document.body);
})();
