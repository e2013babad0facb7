//! A resync by a server: POST with the JSON object that a resync command gets on its standard input.
//!
//! 2xx is the server's word that the receiver is up to date. `202` with a `Location` says that it is at
//! work: that address is asked until it answers with something else. All of it together takes no longer
//! than the timeout, and a new attempt begins with a new POST.

use std::{future::Future, time::Duration};

use reqwest::{Method, StatusCode};
use tokio::time::{sleep, timeout};

use crate::{
    domain::task::{TaskContext, TaskError, TaskOutput},
    http::{Answer, Endpoint},
};

/// The first pause between two looks at the `Location`, where the server does not say how long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The shortest pause, also where the server asks for none: so that no server is asked without one.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many looks in a row may find no one before the resync has failed: a server may be restarted.
const PATIENCE: u32 = 5;

pub(super) async fn run(
    server: &Endpoint,
    context: &TaskContext,
    stop: impl Future<Output = ()>,
) -> Result<TaskOutput, TaskError> {
    let limit = server.timeout();
    let limited = async {
        timeout(limit, ask(server, context)).await.unwrap_or_else(|_| {
            let place = server.place();
            Err(TaskError::new(format!("the resync at {place} was not done after {limit:?}")))
        })
    };
    server.unless(stop, "the resync at", limited).await
}

async fn ask(server: &Endpoint, context: &TaskContext) -> Result<TaskOutput, TaskError> {
    let message = context.message(None);
    let mut from = server.url().clone();
    let mut answer = server.send(Method::POST, &from, Some(&message), None).await?;
    let mut known = None;
    let mut pause = FIRST_PAUSE;
    while answer.status == StatusCode::ACCEPTED {
        let location = match (&answer.location, known) {
            (Some(location), _) => server.same_origin(&from, location)?,
            (None, Some(known)) => known,
            (None, None) => {
                return Err(answer.failure(
                    "is answered with 202 Accepted without a Location: there is nowhere to ask when it is done",
                ));
            }
        };
        sleep(answer.retry_after.map_or(pause, |wish| wish.max(SHORTEST_PAUSE))).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        answer = look(server, &location).await?;
        from = location.clone();
        known = Some(location);
    }
    answer.into_result()
}

async fn look(server: &Endpoint, location: &reqwest::Url) -> Result<Answer, TaskError> {
    let mut misses = 0;
    loop {
        match server.send(Method::GET, location, None, None).await {
            Err(failure) if misses < PATIENCE => {
                tracing::debug!(error = %failure, "a resync under way could not be asked for");
                misses += 1;
                sleep(FIRST_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
