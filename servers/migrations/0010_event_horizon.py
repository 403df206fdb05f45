"""PostgreSQL gives out ids before their rows are committed, in any order of commits.

So each transaction that writes events says, by a shared advisory lock that ends with
it, above which id its own will be. Up to the lowest of these all events are committed:
that is the horizon of the feed. SQLite has one writer at a time, and needs none of it.
"""

from django.db import migrations

# The lock's key: a number of ours above forty bits of id.
FORWARDS = """
CREATE FUNCTION servers_event_announce() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
BEGIN
    IF coalesce(current_setting('serverfleet.announced', true), '') = '' THEN
        SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO last
            FROM servers_event_id_seq;
        PERFORM pg_advisory_xact_lock_shared((6233831::bigint << 40) | last);
        PERFORM set_config('serverfleet.announced', '1', true);
    END IF;
    RETURN NULL;
END $$;

-- For each statement: it comes before the statement's first id is given out.
CREATE TRIGGER servers_event_announce BEFORE INSERT ON servers_event
    FOR EACH STATEMENT EXECUTE FUNCTION servers_event_announce();

CREATE FUNCTION servers_event_horizon() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    lowest bigint;
BEGIN
    -- In this order: who announces after the look at the locks gets ids above `last`.
    SELECT last_value INTO last FROM servers_event_id_seq;
    SELECT min(((classid::bigint << 32) | objid::bigint) & ((1::bigint << 40) - 1))
        INTO lowest FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1
            AND ((classid::bigint << 32) | objid::bigint) >> 40 = 6233831
            AND database = (SELECT oid FROM pg_database
                            WHERE datname = current_database());
    RETURN least(last, lowest);
END $$;
"""
BACKWARDS = """
DROP TRIGGER servers_event_announce ON servers_event;
DROP FUNCTION servers_event_announce();
DROP FUNCTION servers_event_horizon();
"""


def on_postgresql(sql):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql, params=None)

    return run


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0009_sessions'),
    ]

    operations = [
        migrations.RunPython(on_postgresql(FORWARDS), on_postgresql(BACKWARDS)),
    ]
