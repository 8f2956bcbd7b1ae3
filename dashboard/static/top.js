// A page to which a click on a chart led begins at its beginning; the framework leaves it where the
// page before was scrolled to.
document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
