"""What is counted, kept ready: one narrow row for each mention and brand that trends count.

Trends over a million mentions would join three wide tables for every chart. `counted_mentions`
holds the answer to that join: what was read, not muted and no copy, by the hour of its publishing.
Triggers of the database keep it in step, in the commit of whatever changes a mention, its reading or
its brands, so that no code path can forget it; the rows of one mention are made anew each time.
"""

from __future__ import annotations

_COLUMNS = (
    "mention_id, brand, hour, source, lang, sentiment, complaint, harassment, category, invented"
)
_HOUR = {
    "sqlite": "CAST(strftime('%s', m.published_at) AS INTEGER) / 3600",
    "postgresql": "CAST(floor(extract(epoch FROM m.published_at) / 3600) AS INTEGER)",
}
_SOURCE = (
    "SELECT m.id, b.brand, {hour}, m.source, r.lang, r.sentiment, r.complaint, r.harassment, "
    "r.category, m.invented FROM mentions m JOIN mention_brands b ON b.mention_id = m.id "
    "JOIN readings r ON r.mention_id = m.id WHERE NOT b.muted AND m.duplicate_of IS NULL"
)
# (what happens, to which table, which row's mention, and its column)
_EVENTS = (
    ("INSERT", "readings", "NEW", "mention_id"),
    (
        "UPDATE OF lang, sentiment, complaint, harassment, category",
        "readings",
        "NEW",
        "mention_id",
    ),
    ("DELETE", "readings", "OLD", "mention_id"),
    ("INSERT", "mention_brands", "NEW", "mention_id"),
    ("UPDATE OF muted", "mention_brands", "NEW", "mention_id"),
    ("DELETE", "mention_brands", "OLD", "mention_id"),
    ("UPDATE OF duplicate_of, published_at, source, invented", "mentions", "NEW", "id"),
    ("DELETE", "mentions", "OLD", "id"),
)


def triggers(dialect: str) -> list[str]:
    """The statements that make the triggers (and on PostgreSQL their function)."""
    source = _SOURCE.format(hour=_HOUR[dialect])

    def renew(mention: str) -> str:
        return (
            f"DELETE FROM counted_mentions WHERE mention_id = {mention}; "  # noqa: S608 - ours
            f"INSERT INTO counted_mentions ({_COLUMNS}) {source} AND m.id = {mention};"
        )

    made = []
    if dialect == "postgresql":
        made.append(
            "CREATE FUNCTION listener_count_mention() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "DECLARE found bigint; BEGIN "
            "IF TG_TABLE_NAME = 'mentions' THEN "
            "IF TG_OP = 'DELETE' THEN found := OLD.id; ELSE found := NEW.id; END IF; "
            "ELSIF TG_OP = 'DELETE' THEN found := OLD.mention_id; "
            "ELSE found := NEW.mention_id; END IF; "
            f"{renew('found')} RETURN NULL; END $$"
        )
    for event, table, row, column in _EVENTS:
        name = f"counted_{table}_{event.split()[0].lower()}"
        begin = f"CREATE TRIGGER {name} AFTER {event} ON {table} "
        if dialect == "sqlite":
            made.append(f"{begin} BEGIN {renew(f'{row}.{column}')} END")
        else:
            made.append(f"{begin} FOR EACH ROW EXECUTE FUNCTION listener_count_mention()")
    return made


def fill(dialect: str) -> str:
    """The statement that counts what is there already."""
    return f"INSERT INTO counted_mentions ({_COLUMNS}) {_SOURCE.format(hour=_HOUR[dialect])}"


def dropped(dialect: str) -> list[str]:
    """The statements that take the triggers away."""
    gone = [
        f"DROP TRIGGER counted_{table}_{event.split()[0].lower()}"
        + (f" ON {table}" if dialect == "postgresql" else "")
        for event, table, _, _ in _EVENTS
    ]
    return [*gone, "DROP FUNCTION listener_count_mention()"] if dialect == "postgresql" else gone
