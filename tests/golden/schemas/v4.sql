-- PostgreSQL

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

-- SQLite

CREATE TABLE IF NOT EXISTS stored_events (
        position INTEGER PRIMARY KEY,
        originator_id TEXT NOT NULL,
        originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        state BLOB NOT NULL,
        chain BLOB,
        UNIQUE (originator_id, originator_version))

CREATE TABLE IF NOT EXISTS tracking (
        application_name TEXT PRIMARY KEY,
        notification_id INTEGER) WITHOUT ROWID

CREATE TABLE IF NOT EXISTS tags (
        tag TEXT NOT NULL,
        originator_id TEXT NOT NULL,
        PRIMARY KEY (tag, originator_id)) WITHOUT ROWID

CREATE TABLE IF NOT EXISTS log_end (position INTEGER NOT NULL, link BLOB NOT NULL)
