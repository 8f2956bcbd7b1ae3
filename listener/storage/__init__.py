"""Where everything is kept: SQLite by default, PostgreSQL by LISTENER_DATABASE_URL.

    tables.py     the rows                      mentions.py   collected items, raw pages, rejects
    readings.py   what was read, corrections    cases.py      the unit of work: lock, version, timeline
    alerts.py     alerts and the outbox         health.py     subscriptions, loops
    people.py     accounts and sessions         trends.py     counts over time
    pending.py    what waits to be read         duplicates.py what says the same
    review.py     what the reader doubts        private_links.py links by which people leave a phone
    outbox.py     how both outboxes are claimed ledger.py     the contact log, counted
    suppressions.py, crm_writes.py, promise_watch.py
                  orders that end contact, what is written for them, what came after them
    case_opening.py, case_customers.py, case_actions.py
                  a case: what the road does with it, who its author is, what people do with it
    case_search.py, case_summary.py, case_detail.py
                  the inbox, one line of it, one case whole
    registered_numbers.py, number_complaints.py, number_log.py, number_rows.py
                  numbers that call: the registry, who complains, who uses them, all of one
    tables_api.py, api_tokens.py, api_answers.py, webhooks.py
                  the API: its tables, tokens, repeated requests, webhooks and their outbox
    listing.py    mentions, cases, alerts page by page, for the API
    gauges.py     what monitoring counts
    mention_filter.py, mention_search.py, posts.py, local_time.py
                  the mentions behind a figure: which, how many by what, as people read them, when
    migrations/   the schema's history

Functions take a Session and do not commit: the caller's `with db.write()` is the one commit.
"""

from listener.storage.database import Database

__all__ = ["Database"]
