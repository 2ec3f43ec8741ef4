-- A question may have a deadline, and a chat an end that was told beforehand: both fall due like an expiry.
--
--   target   purpose             command           due
--   session  time_out_questions  TimeOutQuestions  the first deadline of its open questions
--   session  end_as_planned      EndAsPlanned      the end that the agent told
ALTER TABLE question ADD COLUMN answer_by TIMESTAMPTZ;

ALTER TABLE scheduled DROP CONSTRAINT scheduled_check;
ALTER TABLE scheduled ADD CONSTRAINT scheduled_check CHECK (
    (target_kind = 'link' AND purpose IN ('warn', 'expire', 'erase'))
    OR (
        target_kind = 'session'
        AND purpose IN (
            'release_unused', 'release', 'idle', 'expire', 'reschedule', 'end_with_link', 'time_out_questions', 'end_as_planned',
            'erase'
        )
    )
);
