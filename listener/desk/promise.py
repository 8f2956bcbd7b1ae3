"""Why we contacted somebody again, and the end of it: the diagnosis, the private link, the reply,
the suppression and the note on the customer's record."""

from __future__ import annotations

from listener import inquiry, phones, replies
from listener.crm import Capability
from listener.crm.local import LocalCrm
from listener.desk.office import Office
from listener.desk.rights import worker
from listener.domain import Cause, Diagnosis, SuppressionStatus
from listener.errors import AccountError, CRMError, NotAllowed, StorageError
from listener.private_links import Asked
from listener.replies import Situation
from listener.storage import cases, crm_writes, suppressions
from listener.storage.crm_writes import Write
from listener.storage.people import User
from listener.storage.suppressions import Kept, Suppression
from listener.vault import open_vault


class PromiseDesk:
    """All of it for those who work on cases."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def make_private_link(self, user: User, case_id: int, *, version: int) -> str:
        """The token of a link by which the author may leave their phone, once. It is stored
        nowhere. Raises AccountError where there is nothing to ask for."""
        worker(user)
        with self.office.db.write() as session:
            detail = self.office.seen(session, user, case_id)
            cases.hold(session, case_id, version)
            return self.office.links.make(session, detail, by=user.username, now=self.office.now())

    def private_link(self, user: User, case_id: int) -> Asked | None:
        """The newest private link of a case, with the phones that the author left."""
        worker(user)
        with self.office.db.read() as session:
            self.office.seen(session, user, case_id)
        return self.office.links.asked(case_id, self.office.now())

    def diagnosis(self, user: User, case_id: int) -> Diagnosis:
        """Why we contacted the author again. Raises CRMError when the CRM does not answer."""
        worker(user)
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
        asked = inquiry.of_case(self.office.systems, detail)
        local = LocalCrm(self.office.db, open_vault(self.office.settings.var))
        return inquiry.judged(asked, self.office.settings, local, self.office.now())

    def draft(self, user: User, case_id: int) -> tuple[Situation, str | None]:
        """(what a reply would be about, its draft in the author's language)."""
        worker(user)
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
            order = suppressions.of_case(session, case_id)
        try:
            asked = inquiry.of_case(self.office.systems, detail)
        except CRMError:
            causes: tuple[Cause, ...] = ()
        else:
            local = LocalCrm(self.office.db, open_vault(self.office.settings.var))
            causes = inquiry.judged(asked, self.office.settings, local, self.office.now()).causes
        case = detail.summary
        state = SuppressionStatus(order.status) if order else None
        about = replies.situation(case.matter, causes, state)
        brand = self.office.settings.brand(case.brand)
        newest = detail.mentions[-1]
        return about, replies.draft(
            self.office.settings.replies,
            about,
            case.lang,
            brand=brand.name if brand else case.brand,
            author=newest.author_name or (newest.author or "").split("@")[0],
        )

    def suppress(
        self, user: User, case_id: int, *, version: int, phone: str = "", reason: str = ""
    ) -> None:
        """Approve that the author of a case is contacted no more for sales: by every phone of their
        record, every one that they left at a private link, and by `phone`. Raises AccountError for
        what is no phone."""
        worker(user)
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        customer = self.office.systems.customer(crm, ref) if crm and ref else None
        numbers = [*(customer.phones if customer else ()), *self.office.links.numbers(case_id)]
        if phone.strip():
            numbers.append(self._phone(phone, detail.summary.brand))
        if not numbers:
            raise AccountError(
                "there is no phone to suppress: match the customer first, or write one"
            )
        systems = self.suppressing()
        if not systems:
            raise CRMError("none that is configured can suppress a phone", crm="crms.toml")
        vault = open_vault(self.office.settings.var)
        with self.office.db.write() as session:
            cases.hold(session, case_id, version)
            suppressions.approve(
                session,
                suppressions.Wanted(
                    case_id=case_id,
                    brand=detail.summary.brand,
                    author_id=detail.author_id,
                    crm=crm,
                    customer_ref=ref,
                    phones=tuple(
                        suppressions.Phone(vault.index(n), vault.seal(n))
                        for n in dict.fromkeys(numbers)
                    ),
                    systems=tuple((s, ref if s == crm else None) for s in systems),
                    reason=reason.strip() or f"case {case_id}",
                    approved_by=user.username,
                    complained_at=min(m.published_at for m in detail.mentions),
                    invented=detail.summary.invented,
                ),
                self.office.now(),
            )
            cases.changed(
                session,
                case_id,
                self.office.now(),
                user.username,
                "suppression_approved",
                {"phones": len(set(numbers)), "systems": systems, "reason": reason.strip()},
            )

    def lift(self, user: User, case_id: int, *, version: int, reason: str) -> None:
        """Take back the order of a case, when the person asks to hear from us again or it was given
        for the wrong person. What other systems were asked for stands there until somebody takes it
        off: the page names each entry. Raises AccountError where no reason is given."""
        worker(user)
        if not reason.strip():
            raise AccountError("say why the suppression is lifted: others will read it")
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            cases.hold(session, case_id, version)
            order = suppressions.of_case(session, case_id)
            if order is None or not suppressions.lift(session, order.id):
                raise StorageError("this case has no suppression that stands: reload")
            cases.changed(
                session,
                case_id,
                self.office.now(),
                user.username,
                "suppression_lifted",
                {"reason": reason.strip()},
            )

    def suppressing(self) -> list[str]:
        """The systems that a suppression is written to."""
        return self.office.systems.that_can(Capability.SUPPRESS)

    def _phone(self, written: str, brand: str) -> str:
        own = self.office.settings.brand(brand)
        countries = own.countries if own else ()
        found = [n for c in (*countries, "") if (n := phones.normalise(written, c))]
        if not found:
            raise AccountError("this is no phone number; write it as +34600123456")
        return found[0]

    def record(self, user: User, case_id: int) -> None:
        """Note the case on the customer's record in their CRM."""
        worker(user)
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        if not (crm and ref) or Capability.RECORD not in self.office.systems.get(crm).can:
            raise CRMError("a case is noted once its customer is known there", crm=crm or "none")
        first = detail.mentions[0]
        data = {
            "title": f"Listener {case_id}: {detail.summary.matter}",
            "text": f"{first.author or ''} {first.published_at:%Y-%m-%d %H:%M} UTC {first.url}\n\n"
            f"{first.text[:4000]}",
            "link": f"{self.office.settings.listener.service.public_url.rstrip('/')}/case?id={case_id}",
        }
        with self.office.db.write() as session:
            if crm_writes.wish_record(session, case_id, crm, ref, data, self.office.now()):
                cases.changed(
                    session,
                    case_id,
                    self.office.now(),
                    user.username,
                    "record_approved",
                    {"system": crm},
                )

    def of_case(self, user: User, case_id: int) -> tuple[Suppression | None, list[Write]]:
        """(the case's suppression with its receipts, what was noted in CRMs); for those who work
        on cases."""
        worker(user)
        with self.office.db.read() as session:
            self.office.seen(session, user, case_id)
            return (
                suppressions.of_case(session, case_id),
                crm_writes.records_of_case(session, case_id),
            )

    def write_again(self, user: User, case_id: int, write_id: int) -> None:
        """Let a write that was given up be tried again."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            known = suppressions.of_case(session, case_id)
            ordered = {w.id for w in known.writes} if known else set()
            noted = {w.id for w in crm_writes.records_of_case(session, case_id)}
            if write_id not in ordered | noted:
                raise NotAllowed(f"write {write_id} is not of case {case_id}")
            if not crm_writes.try_again(session, write_id, self.office.now()):
                raise StorageError("this is not given up any more: reload")
            if known is not None and write_id in ordered:
                suppressions.settle(session, known.id)

    def kept(self, user: User) -> Kept:
        """How the promise is kept, for the brands that the user sees."""
        with self.office.db.read() as session:
            return suppressions.kept(session, user.brands)
