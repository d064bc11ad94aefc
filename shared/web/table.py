"""The one table of refusals: name → status, what it means, what to do.

The particulars of a case are in the refusal's own sentence.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A refusal: its status over HTTP, what it means, and what to do next."""

    status: int
    means: str
    do: str


NOTHING_DONE = "Nothing was half done: send it again after `Retry-After`."

AT_THE_DOOR: dict[str, Row] = {
    "bad-request": Row(400, "The request cannot be read as HTTP.", "Mend what sends it."),
    "unauthorized": Row(
        401,
        "There is no key, or one that opens nothing here.",
        "Send a key that stands, as `Authorization: Bearer ck_…`.",
    ),
    "scope-missing": Row(
        403, "The key is not good for this.", "Ask for a key with the scope named."
    ),
    "not-found": Row(
        404,
        "It does not exist, or it is not yours to see.",
        "Mind the path and the id; the API's page is `/docs`.",
    ),
    "method-not-allowed": Row(
        405, "The path is there, but not for this method.", "Take one of those in `Allow`."
    ),
    "not-acceptable": Row(
        406,
        "`Accept` excludes what is given here.",
        "Leave `Accept` out, or allow what the sentence names.",
    ),
    "too-slow": Row(
        408,
        "The body did not come to its end in time.",
        "Send it whole, over a better line; nothing of it was read.",
    ),
    "number-reused": Row(
        409,
        "A number that was used came back with other content.",
        "Tell the content under a higher number.",
    ),
    "mode-already-sold": Row(
        409,
        "What was sold under one payment mode is not re-labelled.",
        "Let the change begin later; or tell the distributions named with their `payment_mode`.",
    ),
    "too-large": Row(
        413,
        "The body is above the limit.",
        "Tell less at once, or send an import: there each line has the limit.",
    ),
    "too-many-lines": Row(
        413, "A distribution has 5 000 lines at most.", "Mind whether it is one distribution."
    ),
    "line-too-long": Row(
        413, "A line of an import has 4 MB at most.", "Mind whether each notice ends its line."
    ),
    "unsupported-media-type": Row(
        415,
        "The body is of another kind than is taken here.",
        "Say in `Content-Type` what the sentence names, and send just that.",
    ),
    "not-valid": Row(
        422,
        "What was sent is not in the shape of the contract.",
        "Mend the fields that `errors` points at.",
    ),
    "idempotency-key-reused": Row(
        422,
        "An `Idempotency-Key` that was used came with another body.",
        "Take a new one for each new body.",
    ),
    "foreign-country": Row(
        422, "Only producers of France can be billed.", "Do not tell producers of other countries."
    ),
    "foreign-currency": Row(
        422, "Only euros can be billed.", "Do not tell markets in other currencies."
    ),
    "party-refused": Row(
        422,
        "A billing party is its own party, and stays so while others name it.",
        "Tell first that the others have another party.",
    ),
    "other-market": Row(422, "A distribution stays in its market.", "Tell another distribution."),
    "amounts-differ": Row(
        422,
        "Lines are more than a cent off quantity × unit price.",
        "Mend the lines that `errors` points at.",
    ),
    "control-differs": Row(
        422,
        "The totals are not those of what was sent.",
        "Send the whole distribution, and the totals of just that.",
    ),
    "price-too-high": Row(
        422, "A training costs 850 € at most.", "Mind whether the price is in cents."
    ),
    "ends-before-start": Row(422, "A session ends before it starts.", "Mend its days."),
    "fundings-differ": Row(
        422,
        "The fundings do not add up to the session's price.",
        "Mend the fundings, or the price first.",
    ),
    "neighbour-refused": Row(
        422,
        "Training refuses it under a name that this version does not know.",
        "Read the sentence; then bring the gateway to training's version.",
    ),
    "too-many-requests": Row(
        429,
        "The key is used faster than it may be.",
        "Go on after `Retry-After`; send many notices as an import.",
    ),
    "headers-too-large": Row(
        431,
        "Request line and headers are above what the server reads.",
        "Send less in them: all data go into the body.",
    ),
    "internal-error": Row(
        500,
        "The error is ours; a transaction is done whole or not at all.",
        "Send it again: a notice that was taken is then `unchanged`. If it stays so, tell us.",
    ),
    "overloaded": Row(503, "As many requests are under way as may be.", NOTHING_DONE),
    "nothing-heard": Row(503, "The gateway has not heard billing yet.", "Ask again later."),
    "not-explained": Row(
        503,
        "What was heard of billing does not explain the fee yet.",
        "Ask again later; if it stays so, tell us.",
    ),
    "home-busy": Row(503, "Somebody else was writing for too long.", NOTHING_DONE),
    "neighbour-away": Row(503, "Training does not answer the gateway.", NOTHING_DONE),
    "storage-away": Row(503, "The database cannot be read or written.", NOTHING_DONE),
    "storage-damaged": Row(
        503,
        "The database is not what was written.",
        "Operations restore it from a backup; send it again then.",
    ),
    "disk-full": Row(
        507, "There is no room left to write.", "Operations make room; send it again then."
    ),
}
"""What the HTTP API refuses."""

ON_THE_COMMAND_LINE: dict[str, Row] = {
    "mondays-standing": Row(
        409, "Earlier Mondays are not settled.", "Settle those first, in order."
    ),
    "months-standing": Row(
        409, "Months or Mondays before are not closed.", "Settle and close those first."
    ),
    "facts-parked": Row(
        409, "Facts are set aside.", "Take them in, or close with `--despite --why`."
    ),
    "no-tariff": Row(409, "No tariff is in force on that day.", "Publish one, or mind the day."),
    "tariff-rewritten": Row(
        409, "A tariff begins before the latest one.", "Let it begin on that day or later."
    ),
    "two-keys-already": Row(
        409, "A holder has two keys at most.", "Revoke the one not used any more."
    ),
    "not-a-monday": Row(422, "Settlements are on Mondays.", "Name the day of a Monday."),
    "dated-too-early": Row(
        422,
        "Documents are dated after their month, and never before the last one.",
        "Choose a later day.",
    ),
    "poison": Row(422, "A fact cannot be taken.", "It is parked: see `cagette parked list`."),
    "unknown-fact": Row(
        422, "A fact has an unknown type.", "It is parked: see `cagette parked list`."
    ),
    "malformed-fact": Row(
        422, "A fact is not in its shape.", "It is parked: see `cagette parked list`."
    ),
    "endpoint-known": Row(
        409, "This URL receives webhooks already.", "See `cagette webhooks list`."
    ),
    "still-unfinished": Row(
        409,
        "Something of the producer is open still.",
        "Settle and close what the sentence names, then forget him.",
    ),
    "seal-broken": Row(
        503, "A sealed person cannot be opened.", "Restore vault and log of one backup."
    ),
    "vault-missing": Row(
        503, "The keys of sealed persons are gone.", "Restore the vault from its last copy."
    ),
    "not-empty": Row(
        409, "Something stands already where a whole is put.", "Take the new place it names."
    ),
    "backup-damaged": Row(
        422, "A backup is not the one that was written.", "Take another copy of it, or one before."
    ),
    "file-refused": Row(422, "A file cannot be read or written.", "Mind its name and its owner."),
    "file-damaged": Row(
        422, "A packed file breaks off.", "Fetch it again; what was told twice counts once."
    ),
    "broker-away": Row(503, "Kafka does not answer.", "Start it; houses go on by themselves."),
    "record-corrupt": Row(
        503, "Kafka holds a corrupt record.", "Run `cagette topics rebuild --anew`."
    ),
    "cause-missing": Row(
        503, "A fact that was heard can be had no more.", "Restore its speaker's log or topic."
    ),
    "fact-too-large": Row(
        413, "A fact is larger than Kafka takes.", "Let its topic take larger messages, or tell us."
    ),
    "slow-checksums": Row(503, "The library `crc32c` is missing.", "Install what the lock names."),
    "news-late": Row(
        503, "What was told has not been heard in time.", "See `cagette status`, and ask again."
    ),
    "unsafe-setting": Row(
        503,
        "With a setting of the environment events would be lost.",
        "Unset what the sentence names.",
    ),
    "not-to-be-had": Row(
        503, "This machine has no PostgreSQL, Kafka or Docker to run.", "See the sentence."
    ),
    "log-unreadable": Row(503, "This code cannot read an event.", "See `cagette verify`."),
    "not-migrated": Row(503, "Tables are missing or too old.", "Run `cagette migrate`."),
    "written-by-newer-version": Row(
        503, "The tables are of a newer version.", "Install that version."
    ),
}
"""What commands also refuse; the statuses are those that they would have over HTTP."""

TABLE = {**AT_THE_DOOR, **ON_THE_COMMAND_LINE}
"""Every refusal there is, by name."""


def markdown(rows: dict[str, Row]) -> str:
    """Part of the table for the documentation, by status."""
    by_status = sorted(rows.items(), key=lambda row: (row[1].status, row[0]))
    lines = [f"| `{name}` | {row.status} | {row.means} | {row.do} |" for name, row in by_status]
    return "\n".join(
        ["| problem | status | what it means | what to do |", "|---|---|---|---|", *lines]
    )
