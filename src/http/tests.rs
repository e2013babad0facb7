//! What every test of a task over HTTP needs.

use std::time::Duration;

use super::*;

pub(crate) fn outbound() -> Outbound {
    outbound_with("WebhookRenewal/v1 (Tests)", |_| {})
}

pub(crate) fn outbound_with(user_agent: &str, change: impl FnOnce(&mut config::Api)) -> Outbound {
    let mut api = config::Api {
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
        max_requests_per_minute: 120,
        ca_file: None,
    };
    change(&mut api);
    Outbound::new(user_agent.to_owned(), &api)
}

fn endpoint(url: &str) -> Endpoint {
    let config = config::Endpoint { url: url.parse().expect("a URL"), token: None, timeout: PREFLIGHT };
    outbound().endpoint(&config).expect("an endpoint")
}

#[test]
fn a_location_is_of_the_same_origin() {
    let endpoint = endpoint("http://127.0.0.1:8080/resync?key=s3cret");
    let ask = |location: &str| endpoint.same_origin(endpoint.url(), location);
    for (location, url) in [
        ("/jobs/7", "http://127.0.0.1:8080/jobs/7"),
        ("jobs/7?x=1", "http://127.0.0.1:8080/jobs/7?x=1"),
        ("http://127.0.0.1:8080/jobs/7", "http://127.0.0.1:8080/jobs/7"),
    ] {
        assert_eq!(ask(location).expect(location).as_str(), url);
    }
    for location in [
        "http://127.0.0.1:8081/jobs",
        "https://127.0.0.1:8080/jobs",
        "//127.0.0.2:8080/jobs",
        "http://user@127.0.0.1:8080/jobs",
        "http://evil.example/jobs",
        "file:///etc/passwd",
    ] {
        let message = ask(location).expect_err(location).message;
        assert!(message.contains("another origin") && !message.contains("s3cret"), "{message}");
    }
    assert!(ask("http://[").expect_err("not a URL").message.contains("not a URL"));
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_comes_with_advice() {
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = plain.local_addr().expect("an address");
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            // A server that speaks plain HTTP answers a TLS greeting with what is none.
            let _gone =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let failed = |url: String| async move { endpoint(&url).preflight().await.expect_err("no one").message };
    let tls = failed(format!("https://{at}/")).await;
    assert!(tls.ends_with("no TLS is spoken there: check the address, its port, and http or https"), "{tls}");
    answering.abort();
    let _ended = answering.await;
    let closed = failed(format!("http://{at}/")).await;
    assert!(closed.contains("no one listens there, or a firewall refuses"), "{closed}");
}

#[test]
fn an_address_is_shown_by_its_host() {
    assert_eq!(endpoint("http://127.0.0.1:8080/k?token=s3cret").place(), "127.0.0.1:8080");
    assert_eq!(endpoint("http://localhost/k").place(), "localhost");
}
