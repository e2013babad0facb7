//! What is logged at the most talkative level: every request, and no secret.

use std::{
    io,
    sync::{Arc, Mutex},
};

use super::{
    server::{CREATED, Server, TOKEN, json},
    *,
};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_trace_names_every_request_and_no_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // The test's runtime has one thread, so this sees its tasks and those of the server.
    let guard = tracing::subscriber::set_default(subscriber);
    let server =
        Server::answering(|asked| async move { json(201, if asked.is_token() { TOKEN } else { CREATED }) })
            .await;
    let client = client(&server);
    client.post_webhook(&pair(), &[]).await.unwrap();
    client.list_webhooks_filtered(Some("status eq 'Disabled'")).await.unwrap_err();
    drop(guard);

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in
        ["endpoint=\"token\"", "endpoint=\"post\"", "endpoint=\"list\"", "code=\"201\"", "ms=", "tenant=acme"]
    {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    for secret in [SECRET, "tok-1", "hook-key", "hush", "filter"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
