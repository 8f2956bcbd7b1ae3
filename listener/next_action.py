"""What to do next about a case, in order, and what would harm. Pure; nothing is done by itself.

Never a sales message to somebody who complains of being harassed; never a denial or an accusation
where log and post differ; and what belongs to a contract (appointments, invoices) goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from listener.contact_log import ContactLog, Post
from listener.domain import (
    Action,
    Breach,
    BreachKind,
    Cause,
    CauseKind,
    NextBestAction,
    Reason,
    Step,
)

_BY_CAUSE = {
    CauseKind.REFUSAL_NOT_CODED: (Action.CORRECT_DISPOSITION,),
    CauseKind.OPEN_CALLBACK: (Action.CLOSE_CALLBACK,),
    CauseKind.BURNT_LIST: (Action.RETIRE_LIST,),
    CauseKind.AGENT_CONDUCT: (Action.COACH_AGENT,),
    CauseKind.WEAK_SUPERVISION: (Action.REVIEW_POLICY,),
    CauseKind.REFUSAL_NOT_HONOURED: (Action.REVIEW_POLICY,),
    CauseKind.RESELLER: (Action.TALK_TO_AGENCY,),
    CauseKind.IMPOSTOR: (Action.REPORT_IMPOSTOR,),
    CauseKind.WRONG_PERSON: (Action.CORRECT_OWNER_OF_NUMBER,),
}
_DATA_PROTECTION = (BreachKind.AFTER_REGISTER, BreachKind.NO_CONSENT)


def propose(
    log: ContactLog, post: Post | None, causes: Sequence[Cause], breaches: Sequence[Breach]
) -> NextBestAction:
    kinds = {c.kind for c in causes}
    do = [Step(a, r) for a, r in _do(log, post, kinds, breaches)]
    avoid = [Step(a, r) for a, r in _avoid(log, kinds)]
    unique = {step.action: step for step in reversed(do)}
    order = list(dict.fromkeys(step.action for step in do))
    return NextBestAction(tuple(unique[a] for a in order), tuple(avoid))


def _do(
    log: ContactLog, post: Post | None, kinds: set[CauseKind], breaches: Sequence[Breach]
) -> Iterable[tuple[Action, Reason]]:
    ours = bool(log.outbound) or not kinds & {CauseKind.IMPOSTOR, CauseKind.NOT_IN_LOG}
    explained = bool(kinds - {CauseKind.IMPOSTOR, CauseKind.NOT_IN_LOG}) or bool(breaches)
    if kinds & {CauseKind.IMPOSTOR, CauseKind.NOT_IN_LOG}:
        yield Action.ANSWER_CALMLY, Reason("log_and_post_differ")
    elif post is not None:
        yield Action.ANSWER_CALMLY, Reason("person_waits_for_an_answer")
    if CauseKind.IMPOSTOR in kinds:
        yield Action.REPORT_IMPOSTOR, Reason("number_is_not_ours")
    if post is not None or explained:
        if ours and (explained or not kinds):
            yield Action.APOLOGISE, Reason("contacts_were_unwanted")
        elif CauseKind.IMPOSTOR not in kinds:
            yield Action.APOLOGISE, Reason("person_was_disturbed")
        yield Action.SUPPRESS, Reason("no_contact_again")
        yield Action.STOP_MARKETING, Reason("every_channel")
    for cause in sorted(kinds, key=list(CauseKind).index):
        for action in _BY_CAUSE.get(cause, ()):
            yield action, Reason(f"because_{cause.value}")
    if (post is not None and post.legal_threat) or any(
        b.kind in _DATA_PROTECTION for b in breaches
    ):
        yield Action.HAND_TO_DATA_PROTECTION, Reason("rights_of_the_person")
    preferred = log.customer.preferred_channel if log.customer else ""
    if preferred and preferred != "call":
        yield (
            Action.CONTACT_ON_PREFERRED_CHANNEL,
            Reason("preferred_channel", {"channel": preferred}),
        )


def _avoid(log: ContactLog, kinds: set[CauseKind]) -> Iterable[tuple[Action, Reason]]:
    yield Action.SALES_OFFER, Reason("never_to_the_harassed")
    yield Action.WIN_BACK_OFFER, Reason("never_to_the_harassed")
    yield Action.PHONE_CALL, Reason("calls_are_the_complaint")
    if kinds & {CauseKind.NOT_IN_LOG, CauseKind.IMPOSTOR}:
        yield Action.DENY_CONTACT, Reason("log_may_lack_calls")
        yield Action.ACCUSE_OF_LYING, Reason("log_may_lack_calls")
    if CauseKind.WRONG_PERSON in kinds:
        yield Action.ASK_FOR_PAYMENT, Reason("debt_of_somebody_else")
    if log.customer is not None and log.customer.status == "customer":
        yield Action.SUPPRESS_ALL_CONTACT, Reason("contract_needs_messages")
