//! Tasks that were cancelled: a record for each in the aged stream `TASKS`, which every gateway reads. It is all that is stored of a
//! task, and goes once nobody can ask for it any more.

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use domain::Timestamp;

use crate::log::subjects;
use crate::{Backbone, Error, TaskName};

impl Backbone {
    /// Records that a task was cancelled; once is enough, and the first time counts.
    pub async fn cancel_task(&self, name: &TaskName, at: Timestamp) -> Result<(), Error> {
        let record = at.0.to_be_bytes().to_vec();
        let message = PublishMessage::build().payload(record.into()).expected_last_subject_sequence(0);
        let stored = match self.connection.jetstream.send_publish(subjects::task(&name.number), message).await {
            Ok(answer) => answer.await.map(drop),
            Err(error) => Err(error),
        };
        let Err(failure) = stored else { return Ok(()) };
        // It was cancelled before, or this record's acknowledgement was lost.
        match self.task_cancelled_at(name).await? {
            Some(_) => Ok(()),
            None => Err(Error::unavailable(failure)),
        }
    }

    /// Asks the leader when a task was cancelled, if it was.
    pub async fn task_cancelled_at(&self, name: &TaskName) -> Result<Option<Timestamp>, Error> {
        let stream = self.connection.jetstream.get_stream_no_info(subjects::TASKS).await.map_err(Error::unavailable)?;
        match stream.get_last_raw_message_by_subject(&subjects::task(&name.number)).await {
            Ok(message) => {
                let at = message.payload.as_ref().try_into().map(|bytes| Timestamp(i64::from_be_bytes(bytes)));
                at.map(Some).map_err(|_| Error::Corrupt {
                    subject: message.subject.to_string(),
                    sequence: message.sequence,
                    reason: "it is no time".to_owned(),
                })
            }
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                RawMessageErrorKind::JetStream(_) | RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::Other => {
                    Err(Error::unavailable(error))
                }
            },
        }
    }
}
