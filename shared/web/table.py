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
    "bad-request": Row(400, "The request cannot be read as HTTP.", "Correct the client."),
    "unauthorized": Row(
        401,
        "The key is missing, or not valid here.",
        "Send a valid key, as `Authorization: Bearer ck_…`.",
    ),
    "scope-missing": Row(
        403, "The key does not allow this.", "Ask for a key with the scope named."
    ),
    "not-found": Row(
        404,
        "It does not exist, or it is not yours to see.",
        "Check the path and the id; the API's page is `/docs`.",
    ),
    "method-not-allowed": Row(
        405, "The path exists, but not for this method.", "Use one of those in `Allow`."
    ),
    "not-acceptable": Row(
        406,
        "`Accept` excludes what this call returns.",
        "Leave `Accept` out, or allow what the sentence names.",
    ),
    "too-slow": Row(
        408,
        "The body did not arrive in time.",
        "Send it again over a better connection; nothing of it was read.",
    ),
    "number-reused": Row(
        409,
        "A number used before came with other content.",
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
        "Send less at once, or an import: there the limit applies to each line.",
    ),
    "too-many-lines": Row(
        413, "A distribution has 5 000 lines at most.", "Check that it is one distribution."
    ),
    "line-too-long": Row(
        413, "A line of an import has 4 MB at most.", "Check that each notice ends with a newline."
    ),
    "unsupported-media-type": Row(
        415,
        "The body is of a type that is not accepted here.",
        "Send the type that the sentence names, and declare it in `Content-Type`.",
    ),
    "not-valid": Row(
        422,
        "What was sent does not match the contract.",
        "Correct the fields that `errors` points at.",
    ),
    "idempotency-key-reused": Row(
        422,
        "An `Idempotency-Key` used before came with another body.",
        "Use a new one for each new body.",
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
        "Correct the lines that `errors` points at.",
    ),
    "control-differs": Row(
        422,
        "The totals do not match what was sent.",
        "Send the whole distribution, and its exact totals.",
    ),
    "price-too-high": Row(
        422, "A training costs 850 € at most.", "Check that the price is in cents."
    ),
    "ends-before-start": Row(422, "A session ends before it starts.", "Correct its days."),
    "fundings-differ": Row(
        422,
        "The fundings do not add up to the session's price.",
        "Correct the fundings, or the price first.",
    ),
    "neighbour-refused": Row(
        422,
        "Training refuses it for a reason that this version does not know.",
        "Read the sentence; then upgrade the gateway to training's version.",
    ),
    "too-many-requests": Row(
        429,
        "The key is used faster than allowed.",
        "Continue after `Retry-After`; send many notices as an import.",
    ),
    "headers-too-large": Row(
        431,
        "Request line and headers exceed what the server reads.",
        "Send less in them: all data belongs in the body.",
    ),
    "internal-error": Row(
        500,
        "The error is ours; a transaction is done whole or not at all.",
        "Send it again: a notice that was taken is then `unchanged`. If it persists, tell us.",
    ),
    "overloaded": Row(503, "The maximum number of requests is already under way.", NOTHING_DONE),
    "nothing-heard": Row(503, "The gateway has not heard billing yet.", "Ask again later."),
    "not-explained": Row(
        503,
        "What was heard from billing does not explain the fee yet.",
        "Ask again later; if it persists, tell us.",
    ),
    "home-busy": Row(503, "Another process has been writing for too long.", NOTHING_DONE),
    "neighbour-away": Row(503, "Training does not answer the gateway.", NOTHING_DONE),
    "storage-away": Row(503, "The database cannot be read or written.", NOTHING_DONE),
    "storage-damaged": Row(
        503,
        "The database does not hold what was written to it.",
        "Operations restore it from a backup; then send it again.",
    ),
    "disk-full": Row(
        507, "There is no space left to write.", "Operations free some space; then send it again."
    ),
}
"""What the HTTP API refuses."""

ON_THE_COMMAND_LINE: dict[str, Row] = {
    "mondays-standing": Row(
        409, "Earlier Mondays are not settled.", "Settle those first, in order."
    ),
    "months-standing": Row(
        409, "Earlier months are open, or Mondays unsettled.", "Settle and close those first."
    ),
    "facts-parked": Row(
        409, "Facts are parked.", "Replay or drop them, or close with `--despite --why`."
    ),
    "no-tariff": Row(409, "No tariff is in force on that day.", "Publish one, or check the day."),
    "tariff-rewritten": Row(
        409, "A tariff begins before the latest one.", "Let it begin on that day or later."
    ),
    "two-keys-already": Row(
        409, "A holder has two keys at most.", "Revoke the one that is no longer used."
    ),
    "not-a-monday": Row(422, "Settlements are on Mondays.", "Name the day of a Monday."),
    "dated-too-early": Row(
        422,
        "Documents are dated after their month, and never before the last one.",
        "Choose a later day.",
    ),
    "poison": Row(422, "A fact cannot be taken in.", "It is parked: see `cagette parked list`."),
    "unknown-fact": Row(
        422, "A fact has an unknown type.", "It is parked: see `cagette parked list`."
    ),
    "malformed-fact": Row(
        422, "A fact does not match its schema.", "It is parked: see `cagette parked list`."
    ),
    "endpoint-known": Row(
        409, "This URL already receives webhooks.", "See `cagette webhooks list`."
    ),
    "still-unfinished": Row(
        409,
        "Something of the producer's is still open.",
        "Settle and close what the sentence names, then forget the producer.",
    ),
    "seal-broken": Row(
        503, "A sealed person cannot be opened.", "Restore vault and log of one backup."
    ),
    "vault-missing": Row(
        503, "The keys of sealed persons are gone.", "Restore the vault from its last copy."
    ),
    "not-empty": Row(409, "The target already holds data.", "Use the empty place that it names."),
    "backup-damaged": Row(
        422, "A backup differs from what was written.", "Use another copy, or an earlier backup."
    ),
    "file-refused": Row(422, "A file cannot be read or written.", "Check its name and its owner."),
    "file-damaged": Row(
        422, "A compressed file is truncated or damaged.", "Fetch it again; repeats count once."
    ),
    "broker-away": Row(503, "Kafka does not answer.", "Start it; the houses resume by themselves."),
    "record-corrupt": Row(
        503, "Kafka holds a corrupt record.", "Run `cagette topics rebuild --anew`."
    ),
    "cause-missing": Row(
        503, "A fact that was heard is no longer available.", "Restore its speaker's log or topic."
    ),
    "fact-too-large": Row(
        413, "A fact is larger than Kafka accepts.", "Let its topic accept more, or tell us."
    ),
    "slow-checksums": Row(503, "`crc32c` is missing.", "Install what `requirements.lock` names."),
    "news-late": Row(
        503, "What was told has not been heard in time.", "See `cagette status`, and ask again."
    ),
    "unsafe-setting": Row(
        503,
        "An environment setting would cause events to be lost.",
        "Unset what the sentence names.",
    ),
    "not-to-be-had": Row(
        503, "PostgreSQL, Kafka or Docker is not available on this machine.", "See the sentence."
    ),
    "log-unreadable": Row(503, "This code cannot read an event.", "See `cagette verify`."),
    "not-migrated": Row(503, "Tables are missing or too old.", "Run `cagette migrate`."),
    "written-by-newer-version": Row(
        503, "The tables were written by a newer version.", "Install that version."
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
