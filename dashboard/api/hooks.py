"""Webhooks: who is told of what."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.api.inputs import REPEATABLE, Id, NewWebhook
from dashboard.api.rights import Administrator, InForce
from dashboard.api.shapes import DeliveryOut, NewWebhookOut, WebhookOut, WholeWebhook


def routes(desk: InForce) -> APIRouter:
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    @router.get("")
    def list_webhooks(user: Administrator) -> list[WebhookOut]:
        """Every webhook."""
        return [WebhookOut.model_validate(w) for w in desk().access.webhooks(user)]

    @router.post("", status_code=201, dependencies=REPEATABLE)
    def add_webhook(user: Administrator, asked: NewWebhook) -> NewWebhookOut:
        """Register an address for events; the answer has the secret of its signatures, once."""
        made, secret = desk().access.add_webhook(user, asked.url, asked.events)
        return NewWebhookOut(**WebhookOut.model_validate(made).model_dump(), secret=secret)

    @router.get("/{webhook_id}")
    def get_webhook(user: Administrator, webhook_id: Id) -> WholeWebhook:
        """One webhook with its latest deliveries."""
        found, sent = desk().access.webhook(user, webhook_id)
        told = [DeliveryOut.model_validate(d) for d in sent]
        return WholeWebhook(**WebhookOut.model_validate(found).model_dump(), deliveries=told)

    @router.delete("/{webhook_id}", status_code=204)
    def remove_webhook(user: Administrator, webhook_id: Id) -> None:
        """It is told nothing more, of what waits neither."""
        desk().access.remove_webhook(user, webhook_id)

    @router.post("/{webhook_id}/test", status_code=202, dependencies=REPEATABLE)
    def test_webhook(user: Administrator, webhook_id: Id) -> DeliveryOut:
        """Sends a `test` event, as any other is sent."""
        return DeliveryOut.model_validate(desk().access.test_webhook(user, webhook_id))

    return router
