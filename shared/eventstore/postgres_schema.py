"""The tables of a house's log on PostgreSQL, and the function that writes to them.

`{s}` is the house's schema, `{lock}` names the advisory lock that all who write take: held
to the end of the transaction, it makes positions follow each other as they are committed, so that
a reader that polls by position never misses one. Migrations take turns by a lock of their own, for
which they wait longer than a writer waits: what holds it ends by itself. A migration also takes
the lock of the log, for it links what has no link yet.

Who appends may give the links of his rows, made behind the row that he believes to be the last. If
it is not, the loop in `append` makes them: `chain.py` in PostgreSQL's words.
"""

POSITION_CONFLICT = "CG001"
"""The SQLSTATE of our function for a position that stands elsewhere."""

TAKE_TURNS = """
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('cagette migrate'));
SET LOCAL lock_timeout TO DEFAULT;
"""
"""What a migration begins with."""


def log_lock(schema: str) -> str:
    """The words that name the lock of a log."""
    return f"log {schema}"


SCHEMA = """
CREATE SCHEMA IF NOT EXISTS {s};
SELECT pg_advisory_xact_lock(hashtextextended({lock}, 0));
CREATE TABLE IF NOT EXISTS {s}.schema_version (version int NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.stored_events (
    position bigserial PRIMARY KEY,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    chain bytea,
    UNIQUE (originator_id, originator_version));
CREATE TABLE IF NOT EXISTS {s}.tracking (name text PRIMARY KEY, position bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.tags (
    tag text COLLATE "C" NOT NULL, originator_id uuid NOT NULL, PRIMARY KEY (tag, originator_id));

DROP FUNCTION IF EXISTS {s}.append(
    uuid[], bigint[], text[], bytea[], text[], bigint[], bigint[], text[], uuid[]);
CREATE OR REPLACE FUNCTION {s}.append(
    streams uuid[], versions bigint[], topics text[], states bytea[],
    before bytea, links bytea[],
    names text[], stood bigint[], stand bigint[],
    tag_names text[], tag_streams uuid[],
    OUT first_position bigint, OUT link bytea) LANGUAGE plpgsql AS $$
DECLARE
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
    link := coalesce(
        (SELECT chain FROM {s}.stored_events ORDER BY position DESC LIMIT 1),
        decode(repeat('00', 32), 'hex'));
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
    WITH written AS (
        INSERT INTO {s}.stored_events (originator_id, originator_version, topic, state, chain)
        SELECT a, b, c, d, e FROM unnest(streams, versions, topics, states, links)
            WITH ORDINALITY AS t (a, b, c, d, e, n) ORDER BY n
        RETURNING position)
    SELECT min(position), coalesce(links[cardinality(links)], link)
    FROM written INTO first_position, link;
END $$;
"""
