//! Clients that read slowly or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{body::Bytes, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::api::pieces;

/// So long one end waits for the other here.
const PATIENCE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(3);

/// Far more than anything here takes; a test that reaches it hangs.
const GENEROUS: Duration = Duration::from_mins(1);

const PIECE: usize = 16 * 1024;
/// What the system keeps between the two ends.
const BETWEEN: usize = 8 * 1024;

/// A client's end of a connection, and the task that answers it.
struct Connection {
    stream: DuplexStream,
    answering: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Connection {
    async fn asking(router: Router) -> Self {
        let (mut stream, other_end) = tokio::io::duplex(BETWEEN);
        let (stop, stopping) = watch::channel(false);
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("free");
        let answering = tokio::spawn(answer(other_end, router, Stopping(stopping), permit, PATIENCE));
        stream.write_all(b"GET / HTTP/1.1\r\nhost: daemon\r\n\r\n").await.expect("written");
        Self { stream, answering, _stop: stop }
    }
}

async fn ended(answering: JoinHandle<()>) {
    tokio::time::timeout(GENEROUS, answering).await.expect("it ends").expect("no panic");
}

/// An answer without an end, which counts its pieces.
fn endless(made: &Arc<AtomicUsize>) -> Router {
    let made = Arc::clone(made);
    Router::new().route(
        "/",
        get(async move || {
            let pieces = std::iter::repeat_with(move || {
                made.fetch_add(1, Ordering::SeqCst);
                "x".repeat(PIECE)
            });
            Response::new(pieces::made(pieces, LONGEST))
        }),
    )
}

#[tokio::test]
async fn who_does_not_read_holds_a_small_buffer_and_not_for_ever() {
    let made = Arc::default();
    let mut connection = Connection::asking(endless(&made)).await;
    let mut read = vec![0; 100 * PIECE];
    connection.stream.read_exact(&mut read).await.expect("an answer");
    let taken = made.load(Ordering::SeqCst) * PIECE - read.len();
    assert!(taken <= 64 * 1024, "{taken} bytes wait to be read");
    let began = Instant::now();
    ended(connection.answering).await;
    assert!(began.elapsed() >= PATIENCE / 2, "not before its time: {:?}", began.elapsed());
}

#[tokio::test]
async fn who_reads_drop_by_drop_is_ended_as_well() {
    let made = Arc::default();
    let Connection { mut stream, answering, _stop } = Connection::asking(endless(&made)).await;
    let began = Instant::now();
    let mut drop = [0; BETWEEN];
    while stream.read_exact(&mut drop).await.is_ok() {
        tokio::time::sleep(PATIENCE / 5).await;
    }
    ended(answering).await;
    assert!(began.elapsed() >= LONGEST, "not before its time: {:?}", began.elapsed());
    let pieces = made.load(Ordering::SeqCst);
    assert!(pieces < 100, "{pieces} pieces were made for one who read a few");
}

#[tokio::test]
async fn who_waits_for_something_to_read_is_not_ended() {
    let later = async || {
        tokio::time::sleep(3 * PATIENCE).await;
        "at last"
    };
    let Connection { mut stream, answering: _answering, _stop } =
        Connection::asking(Router::new().route("/", get(later))).await;
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn what_is_shared_is_answered_whole_and_with_its_length() {
    let whole: String = ('a'..='z').cycle().take(400_000).collect();
    for length in [0, 1, 256 * 1024, 256 * 1024 + 1, 400_000] {
        let text = Bytes::from(whole[..length].to_owned());
        let router = Router::new().route("/", get(async move || Response::new(pieces::shared(text))));
        let Connection { mut stream, answering: _answering, _stop } = Connection::asking(router).await;
        let mut answer = vec![0; length];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        let head = String::from_utf8(head).expect("text");
        assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
        stream.read_exact(&mut answer).await.expect("a body");
        assert!(answer == whole.as_bytes()[..length], "of {length} bytes");
    }
}
