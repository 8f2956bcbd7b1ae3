"""What other systems may do here: tokens of the API, and webhooks by which they are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from listener import api_tokens, hooks
from listener.api_tokens import Bearer
from listener.desk.office import Office
from listener.desk.rights import administrator, may_see
from listener.domain import HookEvent
from listener.errors import AccountError, NotAllowed, NotFound
from listener.masking import mask_url
from listener.storage import audit, people, webhooks
from listener.storage.api_tokens import StoredToken
from listener.storage.people import User
from listener.storage.webhooks import Delivery, Webhook
from listener.vault import open_vault


class AccessDesk:
    """For administrators. One who sees some brands only neither makes a token for a user who sees
    more, nor revokes one."""

    def __init__(self, office: Office) -> None:
        self.office = office

    # ------------------------------------------------------------------ tokens

    def bearer(self, token: str) -> Bearer | None:
        """Who a token speaks for; None when it opens nothing."""
        return api_tokens.bearer(self.office.db, token, self.office.now())

    def tokens(self, user: User) -> list[StoredToken]:
        administrator(user)
        found = api_tokens.everyone(self.office.db)
        with self.office.db.read() as session:
            owners = {u.username: u for u in people.everyone(session)}
        return [t for t in found if _covers(user, owners[t.username])]

    def owners(self, user: User) -> list[User]:
        """Whom a token could be made for."""
        administrator(user)
        with self.office.db.read() as session:
            return [u for u in people.everyone(session) if not u.disabled and _covers(user, u)]

    def add_token(
        self, user: User, owner: str, *, name: str, scopes: Sequence[str], lasts: timedelta
    ) -> str:
        """The token, which is shown once. Raises AccountError for what cannot be one."""
        if owner not in {u.username for u in self.owners(user)}:
            raise NotAllowed(f"{owner} is no active user whose brands you all see")
        return api_tokens.add(
            self.office.db,
            owner,
            name=name,
            scopes=scopes,
            lasts=lasts,
            by=user.username,
            now=self.office.now(),
        )[1]

    def revoke_token(self, user: User, token_id: int) -> None:
        if token_id not in {t.id for t in self.tokens(user)}:
            raise NotFound("there is no token {id} that you could revoke", id=token_id)
        api_tokens.revoke(self.office.db, token_id, by=user.username, now=self.office.now())

    # ------------------------------------------------------------------ webhooks

    def webhooks(self, user: User) -> list[Webhook]:
        administrator(user)
        with self.office.db.read() as session:
            return [w for w in webhooks.everyone(session) if self._mine(user, w)]

    def webhook(self, user: User, webhook_id: int) -> tuple[Webhook, list[Delivery]]:
        """With its latest deliveries, the newest first."""
        administrator(user)
        with self.office.db.read() as session:
            found = webhooks.get(session, webhook_id)
            if found is None or not self._mine(user, found):
                raise NotFound("there is no webhook {id} of yours", id=webhook_id)
            return found, webhooks.deliveries(session, webhook_id)

    def add_webhook(self, user: User, url: str, events: Sequence[HookEvent]) -> tuple[Webhook, str]:
        """(the webhook, the secret by which it knows us). Raises AccountError for an address that
        would not be asked, or where there is nothing to tell."""
        administrator(user)
        if not events:
            raise AccountError("a webhook is told of something: choose events", key="hook.events")
        hooks.check_address(url, self.office.settings.listener.http)
        secret = hooks.new_secret()
        with self.office.db.write() as session:
            made = webhooks.add(
                session,
                url=url,
                events=[str(e) for e in dict.fromkeys(events)],
                sealed_secret=open_vault(self.office.settings.var).seal(secret),
                username=user.username,
                now=self.office.now(),
            )
            told = {"webhook": made.id, "url": mask_url(url), "events": list(made.events)}
            audit.log(session, self.office.now(), user.username, "webhook_added", told)
        return made, secret

    def remove_webhook(self, user: User, webhook_id: int) -> None:
        self.webhook(user, webhook_id)
        with self.office.db.write() as session:
            webhooks.remove(session, webhook_id)
            told = {"webhook": webhook_id}
            audit.log(session, self.office.now(), user.username, "webhook_removed", told)

    def test_webhook(self, user: User, webhook_id: int) -> Delivery:
        """A test event, sent by the next deliver loop as any other."""
        self.webhook(user, webhook_id)
        data = {"asked_by": user.username}
        with self.office.db.write() as session:
            return webhooks.put(session, webhook_id, HookEvent.TEST, None, data, self.office.now())

    def _mine(self, user: User, webhook: Webhook) -> bool:
        return webhook.username == user.username or not user.brands


def _covers(user: User, other: User) -> bool:
    """Whether the user sees every brand that the other sees."""
    if not user.brands:
        return True
    return bool(other.brands) and all(may_see(user, brand) for brand in other.brands)
