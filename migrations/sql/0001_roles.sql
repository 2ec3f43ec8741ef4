-- Who may do what is said by four roles that nobody can log in with. Whoever connects takes one on for a transaction:
--
--     SELECT set_config('app.agent', $1, true), set_config('role', 'tempchat_agent_reader', true);
--
--   tempchat_writer          the projector and the worker: every row of every table
--   tempchat_agent_reader    an agent's own rows              needs app.agent; app.link narrows them to one link's
--   tempchat_session_reader  one session, and what its link shows   needs app.agent and app.session
--   tempchat_analyst         the log's order and kinds, no words
--
-- Roles belong to the whole server, so another database of the same server may have made them, or is making them right now.
DO $$
DECLARE
    wanted TEXT;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['tempchat_writer', 'tempchat_agent_reader', 'tempchat_session_reader', 'tempchat_analyst'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        BEGIN
            -- The one who connects may take the role on; a superuser may anyway.
            IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
            END IF;
        EXCEPTION
            WHEN unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                -- Another one made the role; it is enough that it was given to this one.
                IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
                    RAISE;
                END IF;
        END;
    END LOOP;
END
$$;
