//! What a person is told about a daemon that does not answer as hoped.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

use super::*;

/// Asks a daemon that answers one request with these bytes.
async fn ask(answer: &str) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("status.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let client = Client::new("status", &path).expect("a client");
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        assert!(request[..read].starts_with(b"GET /v1/health HTTP/1.1\r\n"));
        stream.write_all(answer.as_bytes()).await.expect("written");
    };
    tokio::join!(client.get("/v1/health"), serve).0
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn health_is_read_also_when_it_is_503() {
    for status in ["200 OK", "503 Service Unavailable"] {
        let health = ask(&http(status, "application/json", r#"{"healthy":true}"#)).await.expect("health");
        assert_eq!(health["healthy"], true);
    }
}

#[tokio::test]
async fn a_problem_speaks_for_itself() {
    for status in ["404 Not Found", "503 Service Unavailable"] {
        let problem = r#"{"title":"no","detail":"the disk is full\u001b[2J"}"#;
        let error = ask(&http(status, "application/problem+json", problem)).await.expect_err(status);
        assert_eq!(error.to_string(), "the disk is full[2J");
        assert!(error.downcast_ref::<Failure>().is_none(), "exit code 1");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_the_daemons_is_not_shown() {
    let error = ask(&http("200 OK", "text/html", "<secret>")).await.expect_err("no JSON").to_string();
    assert!(error.contains("not understood") && !error.contains("secret"), "{error}");
    let error =
        ask(&http("502 Bad Gateway", "text/html", "<secret>")).await.expect_err("no JSON").to_string();
    assert!(error.contains("502 Bad Gateway") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_daemon_that_does_not_run_is_told_from_one_that_hangs_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("missing.sock");
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).expect("bound"));
    for path in [missing, dead] {
        let client = Client::new("control", &path).expect("a client");
        let error = client.get::<Value>("/v1/health").await.expect_err("no one is there");
        assert!(matches!(error.downcast_ref(), Some(Failure::NotRunning(_))), "{error}");
        let text = error.to_string();
        assert!(text.contains("control socket") && text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains("systemctl start protime-webhookd"), "{text}");
    }
    let error = ask("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{").await.expect_err("cut off");
    assert!(matches!(error.downcast_ref(), Some(Failure::Unreachable(_))), "{error}");
}
