"""What people may see and do. Every function takes the acting user and checks their rights here,
so that a page which forgets to hide a button gives nothing away.

Everyone sees the cases, alerts and trends of their brands (none named: of all). Cases are changed
by community managers and administrators only; they alone learn who an author is in the CRM, too: the
match, its candidates and reasons, the record.

    rights.py    who may do and see what
    office.py    what every part below works with
    cases.py     the inbox, a case, its owner, status, notes and corrections
    casework.py  claim, hand over, answer, put off, tag, merge, split; who looks at a case
    cases.py     the inbox, a case, what people do to it
    inbox.py     what changed, saved views, one action on many cases
    alike.py     others who say the same
    review.py    what the reader is not sure of
    quality.py   how good the reader is, what people corrected, its training
    promise.py   why we contacted somebody again, and the end of it
    numbers.py   the numbers that call
    figures.py   what is counted
    mentions.py  the mentions behind a figure
    alerts.py    alerts, deliveries, silences
    watch.py     sources, loops
    setup.py     the invented sample
    documents.py the configuration as administrators edit it
    brands.py    brands: queries with their preview, numbers
    staff.py     accounts
    lists.py     mentions, cases, alerts page by page     intake.py  mentions that others bring
    access.py    tokens of the API, webhooks
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from listener.accounts import utc_now
from listener.desk.access import AccessDesk
from listener.desk.alerts import AlertDesk
from listener.desk.alike import AlikeDesk
from listener.desk.brands import BrandDesk
from listener.desk.cases import CaseDesk
from listener.desk.casework import WorkDesk
from listener.desk.documents import DocumentDesk
from listener.desk.figures import FigureDesk
from listener.desk.inbox import InboxDesk
from listener.desk.intake import IntakeDesk
from listener.desk.lists import ListDesk
from listener.desk.mentions import MentionDesk
from listener.desk.numbers import NumberDesk
from listener.desk.office import Office
from listener.desk.promise import PromiseDesk
from listener.desk.quality import QualityDesk
from listener.desk.review import ReviewDesk
from listener.desk.setup import SetupDesk
from listener.desk.staff import StaffDesk
from listener.desk.watch import WatchDesk
from listener.settings import Settings
from listener.storage import Database


class Desk:
    """The service layer of the dashboard. `now` is passed in by tests."""

    def __init__(
        self, db: Database, settings: Settings, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.db = db
        self.settings = settings
        office = Office(db, settings, now)
        self.systems = office.systems
        self.cases = CaseDesk(office)
        self.work = WorkDesk(office)
        self.inbox = InboxDesk(office, self.cases, self.work)
        self.alike = AlikeDesk(office)
        self.review = ReviewDesk(office)
        self.quality = QualityDesk(office)
        self.promise = PromiseDesk(office)
        self.numbers = NumberDesk(office)
        self.figures = FigureDesk(office)
        self.alerts = AlertDesk(office)
        self.mentions = MentionDesk(office)
        self.watch = WatchDesk(office)
        self.setup = SetupDesk(office)
        self.documents = DocumentDesk(office)
        self.brands = BrandDesk(office, self.documents)
        self.staff = StaffDesk(office)
        self.lists = ListDesk(office)
        self.intake = IntakeDesk(office)
        self.access = AccessDesk(office)
