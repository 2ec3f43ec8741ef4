-- What people report to the operator is counted by its time: reports are few among many events.
CREATE INDEX event_reported ON event (at) WHERE type = 'session.reported';
