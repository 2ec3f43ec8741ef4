-- What happened to an agent after a position, in order: what its tasks wait for. Read marks are no news, and half of all events.
--
-- The condition is written so that nothing but a query with these very words uses the index: to others it would look as good as those
-- by session or link, without statistics.
CREATE INDEX event_news_by_agent ON event (agent, sequence, index) WHERE (type <> 'session.marked_read') IS TRUE;
