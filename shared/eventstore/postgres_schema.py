"""The tables of a house's log on PostgreSQL, and the function that writes to them.

`{s}` is the house's schema; `{lock}` names the advisory lock that every writer takes. Held to the
end of the transaction, it makes positions follow the order of commits, so that a reader that polls
by position never misses one. Migrations take turns under a lock of their own, and wait for it
longer than a writer would, because its holder ends by itself. A migration also takes the log's
lock, because it links rows that have no link yet.

The end of the log is kept beside it, in `log_end`, and rows are numbered and linked from there: so
positions have no gaps, and the row that follows a deleted one has no link to those that are left.

A writer may supply the links of its rows, computed from the link that it believes to be the last.
If that is not the last, the loop in `append` computes them: `chain.py` in PostgreSQL's terms.
"""

POSITION_CONFLICT = "CG001"
"""The SQLSTATE that our function raises for a position that is elsewhere."""

PAST_THE_END = "CG002"
"""The SQLSTATE of our function for rows past the end of the log."""

TAKE_TURNS = """
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('cagette migrate'));
SET LOCAL lock_timeout TO DEFAULT;
"""
"""Run at the start of every migration."""


def log_lock(schema: str) -> str:
    """The name of a log's advisory lock."""
    return f"log {schema}"


SCHEMA = """
CREATE SCHEMA IF NOT EXISTS {s};
SELECT pg_advisory_xact_lock(hashtextextended({lock}, 0));
CREATE TABLE IF NOT EXISTS {s}.schema_version (version int NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.stored_events (
    position bigint PRIMARY KEY,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    chain bytea,
    UNIQUE (originator_id, originator_version));
CREATE TABLE IF NOT EXISTS {s}.tracking (name text PRIMARY KEY, position bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.tags (
    tag text COLLATE "C" NOT NULL, originator_id uuid NOT NULL, PRIMARY KEY (tag, originator_id));
CREATE TABLE IF NOT EXISTS {s}.log_end (position bigint NOT NULL, link bytea NOT NULL);

DROP FUNCTION IF EXISTS {s}.append(
    uuid[], bigint[], text[], bytea[], text[], bigint[], bigint[], text[], uuid[]);
CREATE OR REPLACE FUNCTION {s}.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    before bytea, links bytea[],
    names text[], stood bigint[], stand bigint[],
    tag_names text[], tag_streams uuid[],
    OUT first_position bigint, OUT link bytea) LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    words bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    FOR i IN 1..cardinality(names) LOOP
        IF stood[i] IS NULL THEN
            INSERT INTO {s}.tracking VALUES (names[i], stand[i]) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE {s}.tracking SET position = stand[i]
            WHERE name = names[i] AND position = stood[i];
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% does not stand at %', names[i], stood[i] USING ERRCODE = 'CG001';
        END IF;
    END LOOP;
    INSERT INTO {s}.tags SELECT * FROM unnest(tag_names, tag_streams) ON CONFLICT DO NOTHING;
    SELECT e.position, e.link INTO STRICT last, link FROM {s}.log_end AS e;
    IF cardinality(streams) = 0 THEN
        RETURN;
    END IF;
    IF (SELECT max(position) FROM {s}.stored_events) > last THEN
        RAISE EXCEPTION 'there are rows past position %', last USING ERRCODE = 'CG002';
    END IF;
    IF link IS DISTINCT FROM before OR cardinality(links) <> cardinality(streams) THEN
        links := '{{}}';
        FOR words IN
            SELECT uuid_send(a) || int8send(b)
                || int4send(octet_length(c)) || convert_to(c, 'UTF8') || d
            FROM unnest(streams, versions, topics, states)
                WITH ORDINALITY AS t (a, b, c, d, n) ORDER BY n
        LOOP
            link := sha256(link || words);
            links := links || link;
        END LOOP;
    END IF;
    INSERT INTO {s}.stored_events
        (position, originator_id, originator_version, topic, state, chain)
        SELECT last + n, a, b, c, d, e FROM unnest(streams, versions, topics, states, links)
            WITH ORDINALITY AS t (a, b, c, d, e, n);
    first_position := last + 1;
    link := links[cardinality(links)];
    UPDATE {s}.log_end
        SET position = last + cardinality(streams), link = links[cardinality(links)];
END $$;
"""

STORE_END = """
DELETE FROM {s}.log_end;
INSERT INTO {s}.log_end
    SELECT greatest(coalesce(max(position), 0), coalesce(
        (SELECT last_value FROM pg_sequences
            WHERE schemaname = {name} AND sequencename = 'stored_events_position_seq'), 0)),
        coalesce((SELECT chain FROM {s}.stored_events ORDER BY position DESC LIMIT 1),
            decode(repeat('00', 32), 'hex'))
    FROM {s}.stored_events;
ALTER TABLE {s}.stored_events ALTER COLUMN position DROP DEFAULT;
DROP SEQUENCE IF EXISTS {s}.stored_events_position_seq;
"""
"""Finds the end of a log of a schema before `END_STORED_SINCE`, whose rows a sequence numbered."""
