"""What every test in the browser does and looks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from served import Served

from browser.world import PASSWORD
from dashboard import cookies
from listener import accounts
from listener.storage import case_detail

Open = Callable[..., Page]
_DRAWN = (
    "[data-testid=stApp][data-test-script-state=notRunning]"
    ":not(:has([data-testid=stSkeleton])):not(:has([data-stale=true]))"
)
expect.set_options(timeout=20_000)


def enter(page: Page, user: str, password: str = PASSWORD, path: str = "/") -> None:
    page.goto(path)
    page.fill("#username", user)
    page.fill("#password", password)
    page.click("main button")


def signed_in(opened: Open, served: Served, user: str, path: str = "/", **kw: Any) -> Page:
    """As after the form, which has its own tests: with the cookie of a session. The page is drawn: of
    one that is being drawn, the last of a list may be there before the first."""
    page = opened(served.url, **kw)
    token = accounts.start_session(served.world.db, user)
    jar = cookies.Cookies(cookies.key(served.world.settings.var))
    page.context.add_cookies([{"name": cookies.NAME, "value": jar.sign(token), "url": served.url}])
    page.goto(path)
    expect(page.locator("h1")).to_be_visible()
    settled(page)
    return page


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1, name=words)).to_be_visible()


def settled(page: Page) -> None:
    """The page is drawn: while it is, the old and the new controls may both be there, and a second
    run may follow the first."""
    drawn = page.locator(_DRAWN)
    expect(drawn).to_be_visible(timeout=30_000)
    page.wait_for_timeout(150)
    expect(drawn).to_be_visible(timeout=30_000)


def case_of(served: Served, name: str) -> int:
    return served.world.cases[name]


def stored(served: Served, name: str) -> case_detail.CaseDetail:
    with served.world.db.read() as session:
        found = case_detail.get(session, case_of(served, name))
    assert found is not None
    return found


def choose(page: Page, name: str, option: str) -> None:
    """A list closes when the page moves under it: the page is where it will be before it opens."""
    field = page.get_by_role("combobox", name=name)
    settled(page)
    field.scroll_into_view_if_needed()
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    field.click()
    page.get_by_role("option", name=option).click()
