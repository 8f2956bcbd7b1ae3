"""Listener: every complaint of harassment is seen, explained, answered and ended.

The road a mention travels, one file a step (pipeline.py has the loops, processing.py the
order inside of `process`):

    sources/                a place is asked; raw pages come back                 collect
    query.py                the brand's boolean search, always applied on our side
    storage/mentions.py     mentions, raw page and cursor in one commit
    dedupe.py               the same, nearly the same, a repost: with the reason  process
    classifiers/            language, sentiment, complaint, category, harassment, call facts
    matching.py             who is this in the CRM (crm/), with confidence and reasons
    priority.py             how urgent, and why
    routing.py              which queue, whose, until when
    storage/case_opening.py one case per author and matter, with its timeline
    alerting.py             what is worth an e-mail; written to the outbox
    notifiers/              the outbox is emptied, each message once              deliver

schedule.py says which loop runs how often; dashboard/ shows it all to people.
"""

__version__ = "0.1.0"
